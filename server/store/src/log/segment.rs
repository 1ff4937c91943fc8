//! One file of the log, and where in it a revision is.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use parking_lot::Mutex;

use super::{
    header::{HEADER, Header},
    scan::{FrameReader, Step},
};
use crate::{
    disk::{Disk, DiskFile},
    error::{IoContext as _, LogError},
};

/// Distance of two marks in the index of a segment.
const MARK_EVERY: u64 = 64 << 10;

/// A frame's first revision and where it starts.
type Mark = (u64, u64);

/// One file of the log. Frames up to [`Segment::end`] are durable.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) header: Header,
    pub(crate) path: String,
    end: AtomicU64,
    /// Last revision that counts; the maximum while the segment is written. Frames with later
    /// ones are left-overs of commits that failed before the next segment was started.
    last: AtomicU64,
    /// `None` until someone looks for a revision in a segment of an earlier process.
    marks: Mutex<Option<Vec<Mark>>>,
}

impl Segment {
    pub(crate) fn new(header: Header, path: String, end: u64, marks: Option<Vec<Mark>>) -> Self {
        Self {
            header,
            path,
            end: AtomicU64::new(end),
            last: AtomicU64::new(u64::MAX),
            marks: Mutex::new(marks),
        }
    }

    /// First revision it may hold.
    pub(crate) fn first(&self) -> u64 {
        self.header.revision
    }

    /// Last revision that counts.
    pub(crate) fn last(&self) -> u64 {
        self.last.load(Ordering::Acquire)
    }

    /// Says that the next segment starts after `last`.
    pub(crate) fn seal(&self, last: u64) {
        self.last.store(last, Ordering::Release);
    }

    /// End of the durable frames.
    pub(crate) fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    /// Publishes a durable frame.
    pub(crate) fn grow(&self, first: u64, from: u64, end: u64) {
        if let Some(marks) = &mut *self.marks.lock() {
            mark(marks, first, from);
        }
        self.end.store(end, Ordering::Release);
    }

    /// A cursor that stands at or shortly before the frame of a revision.
    pub(crate) fn frames(&self, disk: &dyn Disk, revision: u64) -> Result<FrameReader, LogError> {
        let file = disk.open(&self.path).context("open", &self.path)?;
        let from = self.locate(&file, revision)?;
        Ok(FrameReader::new(file, self.header.salt, from, self.end()))
    }

    fn locate(&self, file: &Arc<dyn DiskFile>, revision: u64) -> Result<u64, LogError> {
        if revision == self.first() {
            return Ok(HEADER as u64);
        }
        let mut marks = self.marks.lock();
        if marks.is_none() {
            *marks = Some(self.build_marks(file)?);
        }
        let marks = marks.as_deref().unwrap_or_default();
        let after = marks.partition_point(|(first, _)| *first <= revision);
        Ok(after.checked_sub(1).map_or(HEADER as u64, |at| marks[at].1))
    }

    fn build_marks(&self, file: &Arc<dyn DiskFile>) -> Result<Vec<Mark>, LogError> {
        let mut frames = FrameReader::new(
            Arc::clone(file),
            self.header.salt,
            HEADER as u64,
            self.end(),
        );
        let mut marks = Vec::new();
        loop {
            let from = frames.at();
            match frames.step().context("read", &self.path)? {
                Step::Frame(head) if head.first <= self.last() => {
                    mark(&mut marks, head.first, from);
                }
                // Damage is reported by whoever reads that far.
                _ => return Ok(marks),
            }
        }
    }
}

/// Notes where a frame is, unless the mark before is near.
pub(crate) fn mark(marks: &mut Vec<Mark>, first: u64, from: u64) {
    if marks
        .last()
        .is_none_or(|(_, offset)| from - offset >= MARK_EVERY)
    {
        marks.push((first, from));
    }
}
