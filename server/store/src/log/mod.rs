//! A durable log of numbered records: segments of checksummed commit frames, and checkpoints.
//!
//! ```text
//!             append: one write, one sync                    any thread
//! LogWriter ──────────────► journal/…0001.log …            Log ──► Records (from a revision)
//!  (one)                     journal/…4711.log  ◄────────────┤──► Checkpoint (newest valid)
//!                            checkpoint/…4000.ckpt           └──► compact, write_checkpoint
//! ```
//!
//! * A record has a revision; revisions start at 1 and have no gap. A commit is one frame with
//!   any number of records; it is durable whole or not at all, and readers see it only then.
//! * Whatever follows the last good frame of the *last* segment is the rest of a commit that was
//!   never acknowledged, and is cut off at open. Anything else that does not hold is damage and
//!   is reported, never repaired silently.
//! * The header of a segment is durable before its name is, and names its first revision. Frames
//!   in the segment before it with that revision or later do not count.
//! * After a failed sync nobody knows what the disk has: the segment is cut, read again past the
//!   cache, and never written again; the next commit goes into a new one.

mod checkpoint;
mod compact;
mod frame;
mod header;
mod layout;
mod mend;
mod open;
mod reader;
mod salvage;
mod scan;
mod segment;
mod survey;
mod tail;
mod writer;

#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::{Mutex, RwLock};
use uuid::Uuid;

use self::segment::Segment;
use crate::{disk::Disk, error::LogError};

pub use self::{
    checkpoint::Checkpoint,
    compact::{Compacted, Retention},
    frame::MAX_COMMIT,
    header::FORMAT,
    open::{Opened, Recovery, open},
    reader::{Record, Records},
    salvage::{Salvaged, salvage},
    survey::{Item, SegmentSurvey, Survey, Tail, survey},
    writer::LogWriter,
};

/// Nanoseconds since the Unix epoch.
pub type Timestamp = i64;

/// How the log lays out its files.
#[derive(Clone, Debug)]
pub struct Options {
    /// A segment that would grow beyond this many bytes is followed by a new one.
    pub segment_bytes: u64,
    /// So is one whose start is older than this, so that retention by age works on quiet stores.
    pub segment_age: Duration,
    /// Space is reserved in steps of this many bytes; zero to reserve none.
    pub reserve_bytes: u64,
    /// First revision of a store that is new.
    pub first_revision: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 16 << 20,
            segment_age: Duration::from_hours(6),
            reserve_bytes: 1 << 20,
            first_revision: 1,
        }
    }
}

/// What the log did since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Durable commits.
    pub commits: u64,
    /// Their records.
    pub records: u64,
    /// Their bytes, frame heads included.
    pub bytes: u64,
    /// Commits that the disk refused.
    pub failures: u64,
}

#[derive(Debug, Default)]
struct Counters {
    commits: AtomicU64,
    records: AtomicU64,
    bytes: AtomicU64,
    failures: AtomicU64,
}

#[derive(Debug)]
struct Shared {
    disk: Arc<dyn Disk>,
    epoch: Uuid,
    options: Options,
    /// Ascending, without gap, never empty.
    segments: RwLock<Vec<Arc<Segment>>>,
    /// Newest revision that readers may see.
    durable: AtomicU64,
    /// Revision of the newest checkpoint, zero if there is none.
    checkpointed: AtomicU64,
    /// Held while checkpoints are written or files removed.
    maintenance: Mutex<()>,
    counters: Counters,
}

/// The log as every thread may use it: reading, checkpoints, compaction. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Log(Arc<Shared>);

impl Log {
    /// Identity of the store, made with it.
    #[must_use]
    pub fn epoch(&self) -> Uuid {
        self.0.epoch
    }

    /// Newest durable revision, or the one before the first if there is none.
    #[must_use]
    pub fn newest(&self) -> u64 {
        self.0.durable.load(Ordering::Acquire)
    }

    /// Oldest revision that can be read, or the next one if there is none.
    #[must_use]
    pub fn oldest(&self) -> u64 {
        self.0
            .segments
            .read()
            .first()
            .map_or(1, |segment| segment.first())
    }

    /// Revision of the newest checkpoint, zero if there is none.
    #[must_use]
    pub fn checkpointed(&self) -> u64 {
        self.0.checkpointed.load(Ordering::Acquire)
    }

    /// What was done since the store was opened.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let counters = &self.0.counters;
        Stats {
            commits: counters.commits.load(Ordering::Relaxed),
            records: counters.records.load(Ordering::Relaxed),
            bytes: counters.bytes.load(Ordering::Relaxed),
            failures: counters.failures.load(Ordering::Relaxed),
        }
    }

    /// A cursor over the records from `revision` on. It follows the log: at the end it answers
    /// `None` until there is more.
    ///
    /// # Errors
    /// [`LogError::Compacted`] and [`LogError::Future`]; those of reading.
    pub fn read_from(&self, revision: u64) -> Result<Records, LogError> {
        let newest = self.newest();
        if revision > newest + 1 {
            return Err(LogError::Future {
                asked: revision,
                newest,
            });
        }
        let oldest = self.oldest();
        if revision < oldest {
            return Err(LogError::Compacted {
                asked: revision,
                oldest,
            });
        }
        Ok(Records::new(self.clone(), revision))
    }

    /// The segment that holds or will hold a revision.
    fn segment_of(&self, revision: u64) -> Result<Arc<Segment>, LogError> {
        let segments = self.0.segments.read();
        let after = segments.partition_point(|segment| segment.first() <= revision);
        let found = after.checked_sub(1).and_then(|at| segments.get(at));
        let oldest = segments.first().map_or(1, |segment| segment.first());
        found.cloned().ok_or(LogError::Compacted {
            asked: revision,
            oldest,
        })
    }
}
