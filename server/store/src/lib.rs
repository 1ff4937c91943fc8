//! The durable journal of pod transitions.
//!
//! * [`journal`]: the store port of the lifecycle rules, durable and in memory.
//! * [`log`]: our own segmented append-only log, on bytes; why not a database is in
//!   `docs/adr/0002-journal-store.md`.
//! * [`disk`]: the operations it is built on, real and (feature `faults`) failing.
//!
//! Nothing here is async: a commit blocks for about one sync. One thread per open journal writes
//! checkpoints and drops old segments; closing or dropping the journal ends it.

pub mod disk;
mod error;
pub mod journal;
pub mod log;

pub use error::LogError;
