//! The one writer: appends commits, and gets back on its feet when the disk refuses.

use std::{
    io,
    sync::{Arc, atomic::Ordering},
};

use super::{
    Log, Timestamp,
    frame::{FrameBuilder, MAX_COMMIT},
    segment::Segment,
};
use crate::{
    disk::{DiskFile, LockGuard},
    error::{IoContext as _, LogError},
};

/// What must happen before the segment can take another commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Health {
    /// Nothing.
    Good,
    /// A write failed half-way: cut off what it left.
    Torn,
    /// A sync failed: read the segment again past the cache, then start another.
    Unsure,
    /// The next segment may exist already: start it (again).
    Sealed,
}

/// The writing end of a log. There is one per store.
#[derive(Debug)]
pub struct LogWriter {
    pub(super) log: Log,
    pub(super) segment: Arc<Segment>,
    pub(super) file: Arc<dyn DiskFile>,
    /// End of the last good frame.
    pub(super) end: u64,
    /// Length of the file as far as space is reserved.
    pub(super) reserved: u64,
    pub(super) next: u64,
    /// Time of the newest commit tried.
    pub(super) at: Timestamp,
    pub(super) health: Health,
    frame: FrameBuilder,
    _lock: LockGuard,
}

/// A segment ready to be written.
pub(super) struct Active {
    pub(super) segment: Arc<Segment>,
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) next: u64,
    pub(super) at: Timestamp,
}

impl LogWriter {
    pub(super) fn new(log: Log, active: Active, lock: LockGuard) -> Self {
        let end = active.segment.end();
        Self {
            log,
            segment: active.segment,
            file: active.file,
            end,
            reserved: end,
            next: active.next,
            at: active.at,
            health: Health::Good,
            frame: FrameBuilder::default(),
            _lock: lock,
        }
    }

    /// The log for readers and maintenance.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Revision that the next record will have.
    #[must_use]
    pub fn next_revision(&self) -> u64 {
        self.next
    }

    /// Makes the records durable in one commit and answers the revision of the last one.
    ///
    /// # Errors
    /// Nothing of the commit is visible then. If [`LogError::is_transient`], a later call may
    /// succeed; if the power goes off before one did, the failed commit may be found, whole, when
    /// the store is opened again.
    pub fn append<R: AsRef<[u8]>>(
        &mut self,
        at: Timestamp,
        records: &[R],
    ) -> Result<u64, LogError> {
        if records.is_empty() {
            return Ok(self.next - 1);
        }
        // Before anything is copied: lengths are stored in 32 bits.
        let bytes = records.iter().map(|record| record.as_ref().len() + 4).sum();
        if bytes > MAX_COMMIT {
            return Err(LogError::TooLarge {
                bytes,
                limit: MAX_COMMIT,
            });
        }
        self.at = self.at.max(at);
        self.frame.clear();
        for record in records {
            self.frame.push(record.as_ref());
        }
        let result = self.commit(at);
        self.frame.shrink();
        if result.is_err() {
            self.log.0.counters.failures.fetch_add(1, Ordering::Relaxed);
            // At once rather than with the next commit: what failed should be gone by then.
            let _ = self.mend();
        }
        result
    }

    /// Marks the end, returns reserved space and closes the store.
    ///
    /// # Errors
    /// Those of the disk; nothing durable is lost.
    pub fn close(mut self) -> Result<(), LogError> {
        self.mend()?;
        self.frame.clear();
        let mark = self
            .frame
            .seal(self.segment.header.salt, self.next, self.at);
        let end = self.end + mark.len() as u64;
        self.file
            .write_at(mark, self.end)
            .context("write", &self.segment.path)?;
        self.file.set_len(end).context("cut", &self.segment.path)?;
        self.file.sync_data().context("sync", &self.segment.path)
    }

    fn commit(&mut self, at: Timestamp) -> Result<u64, LogError> {
        self.mend()?;
        let size = self.frame.len() as u64;
        if self.is_full(size)
            && let Err(error) = self.start_segment()
            && self.health != Health::Good
        {
            return Err(error);
        }
        // If the next segment could not be begun, this one takes the commit and grows.
        self.reserve(size);
        let path = &self.segment.path;
        let frame = self.frame.seal(self.segment.header.salt, self.next, at);
        if let Err(e) = self.file.write_at(frame, self.end) {
            self.health = Health::Torn;
            return Err(LogError::io("write", path, e));
        }
        if let Err(e) = self.file.sync_data() {
            self.health = Health::Unsure;
            return Err(LogError::io("sync", path, e));
        }
        self.publish(size);
        Ok(self.next - 1)
    }

    fn publish(&mut self, size: u64) {
        let (first, from) = (self.next, self.end);
        self.next += u64::from(self.frame.count());
        self.end += size;
        self.segment.grow(first, from, self.end);
        let shared = &self.log.0;
        shared.durable.store(self.next - 1, Ordering::Release);
        shared.counters.commits.fetch_add(1, Ordering::Relaxed);
        shared
            .counters
            .records
            .fetch_add(u64::from(self.frame.count()), Ordering::Relaxed);
        shared.counters.bytes.fetch_add(size, Ordering::Relaxed);
    }

    fn is_full(&self, size: u64) -> bool {
        let options = &self.log.0.options;
        let age = i64::try_from(options.segment_age.as_nanos()).unwrap_or(i64::MAX);
        let old = self.at.saturating_sub(self.segment.header.created_at) > age;
        // A segment without records is never followed by another: they would have one name.
        self.next > self.segment.first() && (old || self.end + size > options.segment_bytes)
    }

    /// Reserves space ahead, so that a sync need not write the file's metadata each time. Without
    /// it everything works, a little slower.
    fn reserve(&mut self, size: u64) {
        let step = self.log.0.options.reserve_bytes;
        if step == 0 || self.end + size <= self.reserved {
            return;
        }
        let want = self.end + size.next_multiple_of(step);
        match self.file.allocate(want) {
            Ok(()) => self.reserved = want,
            Err(e) if e.kind() == io::ErrorKind::Unsupported => self.reserved = u64::MAX,
            // Nearly full: give back what was reserved in vain, the commit itself may fit.
            Err(_) => {
                let _ = self.file.set_len(self.end);
                self.reserved = self.end;
            }
        }
    }
}
