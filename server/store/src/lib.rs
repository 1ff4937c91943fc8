//! The durable journal of pod transitions.
//!
//! * [`log`]: our own segmented append-only log, on bytes; why not a database is in
//!   `docs/adr/0002-journal-store.md`.
//! * [`disk`]: the operations it is built on, real and (feature `faults`) failing.
//!
//! Nothing here is async and nothing spawns a thread: appends block for about one sync.

pub mod disk;
mod error;
pub mod log;

pub use error::LogError;
