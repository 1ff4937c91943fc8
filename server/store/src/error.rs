//! Why the log could not do something, by what the caller can do about it.

use std::io;

use rustix::io::Errno;
use thiserror::Error;

/// What went wrong in the log.
#[derive(Debug, Error)]
pub enum LogError {
    /// The disk or the quota is full. Nothing of the commit is kept; a later one may succeed.
    #[error("no space left for `{file}`")]
    Full {
        /// File, relative to the store's directory.
        file: String,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// The file system is read-only. Nothing of the commit is kept; a later one may succeed.
    #[error("file system of `{file}` is read-only")]
    ReadOnly {
        /// File, relative to the store's directory.
        file: String,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// The disk answered an error. Nothing of a commit is kept; a later one may succeed.
    #[error("cannot {op} `{file}`")]
    Io {
        /// What was tried.
        op: &'static str,
        /// File, relative to the store's directory.
        file: String,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// Stored bytes are not what was written. See `docs/runbooks/damaged-store.md`.
    #[error("`{file}` is damaged at byte {offset}, revision {revision}: {what}")]
    Corrupt {
        /// File, relative to the store's directory.
        file: String,
        /// Where in the file.
        offset: u64,
        /// First revision that cannot be read.
        revision: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// Another process has the store open.
    #[error("another process has the store open")]
    Locked,
    /// The store was written by a later version of this program.
    #[error("`{file}` has format {found}, this version reads up to {supported}")]
    Version {
        /// File, relative to the store's directory.
        file: String,
        /// Format found.
        found: u32,
        /// Newest format understood.
        supported: u32,
    },
    /// The revision is no longer kept.
    #[error("revision {asked} is compacted, the oldest kept is {oldest}")]
    Compacted {
        /// Revision asked for.
        asked: u64,
        /// Oldest revision that can be read.
        oldest: u64,
    },
    /// The revision does not exist yet.
    #[error("revision {asked} is in the future, the newest is {newest}")]
    Future {
        /// Revision asked for.
        asked: u64,
        /// Newest durable revision.
        newest: u64,
    },
    /// One commit is larger than a frame may be.
    #[error("commit of {bytes} bytes exceeds {limit}")]
    TooLarge {
        /// Size of the commit.
        bytes: usize,
        /// Largest size allowed.
        limit: usize,
    },
}

impl LogError {
    /// Sorts an answer of the system by what it means for the caller.
    pub(crate) fn io(op: &'static str, file: &str, source: io::Error) -> Self {
        let file = file.to_owned();
        match Errno::from_io_error(&source) {
            Some(Errno::NOSPC | Errno::DQUOT) => Self::Full { file, source },
            Some(Errno::ROFS) => Self::ReadOnly { file, source },
            _ => Self::Io { op, file, source },
        }
    }

    /// Whether the disk refused, so that the same call may succeed later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Full { .. } | Self::ReadOnly { .. } | Self::Io { .. }
        )
    }
}

/// Names what was tried on which file when a disk operation fails.
pub(crate) trait IoContext<T> {
    /// Turns the error into a [`LogError`].
    fn context(self, op: &'static str, file: &str) -> Result<T, LogError>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn context(self, op: &'static str, file: &str) -> Result<T, LogError> {
        self.map_err(|source| LogError::io(op, file, source))
    }
}
