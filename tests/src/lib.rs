//! Whole-system tests, and the fixtures they and the developer tasks share.
//!
//! The suites are in `tests/`; they start the real binaries and talk to them as any client does.

pub mod chaos;
pub mod fixtures;
pub mod oracle;
pub mod scenario;
pub mod world;
