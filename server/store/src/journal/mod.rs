//! The store port of the lifecycle rules, on the log and in memory.
//!
//! ```text
//! engine thread: commit ─► encode ─► log (one sync) ─► fold        any thread: read_after
//!                                           └─ every few MiB ─► upkeep thread: checkpoint, compact
//! ```
//! The fold is the state at the newest revision: pods are shared with the engine, of answered
//! requests only the revisions are kept. It is what a checkpoint holds.

mod codec;
mod durable;
mod fold;
mod inspect;
mod memory;
mod reader;
mod state;
mod upkeep;

use std::error::Error as _;

use lifepod_lifecycle::{id::Revision, port::StoreError};

pub use self::{
    durable::{DurableJournal, JournalOptions},
    fold::RequestWindow,
    inspect::{Report, check, compact, export},
    memory::{MemoryJournal, MemoryStore},
};
use crate::error::LogError;

/// What an error of the log means to users of the port.
impl From<LogError> for StoreError {
    fn from(error: LogError) -> Self {
        let message = error
            .source()
            .map_or_else(|| error.to_string(), |source| format!("{error}: {source}"));
        match error {
            LogError::Full { .. }
            | LogError::ReadOnly { .. }
            | LogError::Io { .. }
            | LogError::TooLarge { .. } => Self::Unavailable { message },
            LogError::Corrupt { .. } | LogError::Future { .. } => Self::Corrupt { message },
            LogError::Locked => Self::Locked { message },
            LogError::Version {
                found, supported, ..
            } => Self::Version { found, supported },
            LogError::Compacted { oldest, .. } => Self::Compacted {
                oldest: Revision(oldest.saturating_sub(1)),
            },
        }
    }
}
