//! Reads records in order, up to what is durable, with one small buffer.

use std::sync::Arc;

use super::{
    Log, Timestamp,
    frame::record_at,
    scan::{FrameReader, Step},
    segment::Segment,
};
use crate::error::{IoContext as _, LogError};

/// One record, borrowed from the cursor's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its number.
    pub revision: u64,
    /// When its commit was made, as the writer said.
    pub committed_at: Timestamp,
    /// What was appended.
    pub bytes: &'a [u8],
}

/// A cursor over the records of a log; see [`Log::read_from`].
#[derive(Debug)]
pub struct Records {
    log: Log,
    /// Revision of the record to come.
    next: u64,
    place: Option<Place>,
    /// The frame being read, if it has records left.
    commit: Option<Commit>,
}

#[derive(Debug)]
struct Place {
    segment: Arc<Segment>,
    frames: FrameReader,
}

#[derive(Clone, Copy, Debug)]
struct Commit {
    at: Timestamp,
    /// First revision after it.
    end: u64,
    /// Offset of the next record in the payload.
    position: usize,
}

impl Records {
    pub(super) fn new(log: Log, next: u64) -> Self {
        Self {
            log,
            next,
            place: None,
            commit: None,
        }
    }

    /// Revision of the record to come.
    #[must_use]
    pub fn next_revision(&self) -> u64 {
        self.next
    }

    /// The next record, `None` at the end of what is durable.
    ///
    /// # Errors
    /// [`LogError::Compacted`] if compaction overtook the cursor, [`LogError::Corrupt`],
    /// [`LogError::Io`]. The cursor stays where it is.
    #[expect(
        clippy::should_implement_trait,
        reason = "lends from its buffer and can fail"
    )]
    pub fn next(&mut self) -> Result<Option<Record<'_>>, LogError> {
        if self.commit.is_none() && !self.enter_commit()? {
            return Ok(None);
        }
        let (Some(commit), Some(place)) = (&mut self.commit, &self.place) else {
            return Ok(None);
        };
        let Some((bytes, position)) = record_at(place.frames.payload(), commit.position) else {
            return Err(place.damaged(self.next, "record does not fit its frame"));
        };
        let record = Record {
            revision: self.next,
            committed_at: commit.at,
            bytes,
        };
        commit.position = position;
        self.next += 1;
        if self.next == commit.end {
            self.commit = None;
        }
        Ok(Some(record))
    }

    /// Finds the frame that holds the next revision; false if it is not durable yet.
    fn enter_commit(&mut self) -> Result<bool, LogError> {
        if self.next > self.log.newest() {
            // May wait long: thousands of waiting cursors must not hold a buffer each.
            if let Some(place) = &mut self.place {
                place.frames.release();
            }
            return Ok(false);
        }
        let place = match self.place.take() {
            Some(place) if self.next <= place.segment.last() => place,
            _ => self.open()?,
        };
        self.commit = Some(self.place.insert(place).find(self.next)?);
        Ok(true)
    }

    fn open(&self) -> Result<Place, LogError> {
        let segment = self.log.segment_of(self.next)?;
        match segment.frames(&*self.log.0.disk, self.next) {
            Ok(frames) => Ok(Place { segment, frames }),
            // Removed between the two lines above, unless it is still on the list.
            Err(error) => {
                self.log.segment_of(self.next)?;
                Err(error)
            }
        }
    }
}

impl Place {
    /// Goes over frames up to the one that holds `next`.
    fn find(&mut self, next: u64) -> Result<Commit, LogError> {
        self.frames.set_limit(self.segment.end());
        loop {
            match self.frames.step().context("read", &self.segment.path)? {
                Step::Frame(head) if head.first > next => {
                    return Err(self.damaged(next, "revisions are missing"));
                }
                Step::Frame(head) if next < head.next() => {
                    let mut commit = Commit {
                        at: head.at,
                        end: head.next(),
                        position: 0,
                    };
                    for _ in head.first..next {
                        let payload = self.frames.payload();
                        let Some((_, position)) = record_at(payload, commit.position) else {
                            return Err(self.damaged(next, "record does not fit its frame"));
                        };
                        commit.position = position;
                    }
                    return Ok(commit);
                }
                Step::Frame(_) => {}
                Step::Bad(what) => return Err(self.damaged(next, what)),
                Step::Blank | Step::End => return Err(self.damaged(next, "segment ends early")),
            }
        }
    }

    fn damaged(&self, revision: u64, what: &'static str) -> LogError {
        LogError::Corrupt {
            file: self.segment.path.clone(),
            offset: self.frames.at(),
            revision,
            what,
        }
    }
}
