//! Reads a whole store without changing it: for `store check` and `store export`.
//!
//! It takes no lock. On a store that is in use the last commit may look torn, because it is just
//! being written, and files may vanish by compaction.

use uuid::Uuid;

use super::{
    Timestamp,
    checkpoint::Checkpoint,
    frame::record_at,
    header::HEADER,
    layout,
    open::{check_chain, known_epoch, segments},
    reader::Record,
    scan::{FrameReader, Step},
    segment::Segment,
};
use crate::{
    disk::Disk,
    error::{IoContext as _, LogError},
};

/// What is in a store.
#[derive(Debug)]
pub struct Survey {
    /// Identity of the store, `None` if there is no store.
    pub epoch: Option<Uuid>,
    /// Its segments, oldest first.
    pub segments: Vec<SegmentSurvey>,
    /// Revisions and number of entries of its checkpoints that hold, oldest first.
    pub checkpoints: Vec<(u64, u64)>,
    /// Everything that does not hold.
    pub damage: Vec<LogError>,
}

/// What is in one segment.
#[derive(Clone, Debug)]
pub struct SegmentSurvey {
    /// File, relative to the store's directory.
    pub file: String,
    /// First revision it may hold.
    pub first: u64,
    /// First revision after those it holds.
    pub next: u64,
    /// Commits that hold.
    pub commits: u64,
    /// Bytes up to the end of the last one.
    pub bytes: u64,
    /// What follows them.
    pub tail: Tail,
}

/// What follows the last commit of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// Nothing.
    Clean,
    /// Reserved space.
    Reserved,
    /// A commit that was never acknowledged, or is just being written.
    Torn,
    /// Damage, reported apart.
    Damaged,
}

/// One thing found on the way, in the order of the files.
#[derive(Debug)]
pub enum Item<'a> {
    /// An entry of the newest checkpoint that holds.
    Entry {
        /// Revision of the checkpoint.
        checkpoint: u64,
        /// What was written.
        bytes: &'a [u8],
    },
    /// A record of a segment.
    Record(Record<'a>),
    /// A place that does not hold; what follows it is read on as far as frames can be found.
    Damage(&'a LogError),
}

/// Reads everything and shows it to `visit`. Damage does not end it; it is listed in the answer.
///
/// # Errors
/// Those of the disk, [`LogError::Version`], and whatever `visit` answers.
pub fn survey<E: From<LogError>>(
    disk: &dyn Disk,
    visit: impl FnMut(Item<'_>) -> Result<(), E>,
) -> Result<Survey, E> {
    let epoch = known_epoch(disk)?;
    let found = Survey {
        epoch,
        segments: Vec::new(),
        checkpoints: Vec::new(),
        damage: Vec::new(),
    };
    let mut surveyor = Surveyor { disk, found, visit };
    if let Some(epoch) = epoch {
        let newest = surveyor.checkpoints(epoch)?;
        surveyor.segments(epoch, newest.as_ref())?;
    }
    Ok(surveyor.found)
}

struct Surveyor<'d, F> {
    disk: &'d dyn Disk,
    found: Survey,
    visit: F,
}

impl<E: From<LogError>, F: FnMut(Item<'_>) -> Result<(), E>> Surveyor<'_, F> {
    fn damage(&mut self, error: LogError) -> Result<(), E> {
        (self.visit)(Item::Damage(&error))?;
        self.found.damage.push(error);
        Ok(())
    }

    fn checkpoints(&mut self, epoch: Uuid) -> Result<Option<Checkpoint>, E> {
        for revision in layout::checkpoints(self.disk)? {
            match Checkpoint::open(self.disk, revision, epoch).and_then(Checkpoint::verify) {
                Ok(entries) => self.found.checkpoints.push((revision, entries)),
                Err(error @ LogError::Corrupt { .. }) => self.damage(error)?,
                Err(error) => return Err(error.into()),
            }
        }
        let Some((revision, _)) = self.found.checkpoints.last().copied() else {
            return Ok(None);
        };
        let mut newest = Checkpoint::open(self.disk, revision, epoch)?;
        while let Some(bytes) = newest.next()? {
            (self.visit)(Item::Entry {
                checkpoint: revision,
                bytes,
            })?;
        }
        Ok(Some(newest))
    }

    fn segments(&mut self, epoch: Uuid, checkpoint: Option<&Checkpoint>) -> Result<(), E> {
        let (mut segments, damaged) = segments(self.disk, epoch)?;
        for error in damaged {
            self.damage(error)?;
        }
        let all = segments.clone();
        if let Err(error) = check_chain(&mut segments, checkpoint) {
            self.damage(error)?;
            segments = all;
        }
        for segment in segments {
            self.segment(&segment)?;
        }
        Ok(())
    }

    fn segment(&mut self, segment: &Segment) -> Result<(), E> {
        let path = &segment.path;
        let file = self.disk.open(path).context("open", path)?;
        let mut frames = FrameReader::new(file, segment.header.salt, HEADER as u64, segment.end());
        let mut it = SegmentSurvey {
            file: path.clone(),
            first: segment.first(),
            next: segment.first(),
            commits: 0,
            bytes: HEADER as u64,
            tail: Tail::Clean,
        };
        // What the next segment starts with does not count here.
        while it.next <= segment.last() {
            let (offset, revision) = (frames.at(), it.next);
            let damage = |what| LogError::Corrupt {
                file: path.clone(),
                offset,
                revision,
                what,
            };
            let (what, tail) = match frames.step().context("read", path)? {
                Step::Frame(head) => {
                    if head.first != it.next {
                        self.damage(damage("revisions are missing"))?;
                    }
                    self.records(&frames, head.first, head.count, head.at)?;
                    it.next = head.next();
                    it.commits += u64::from(head.count > 0);
                    it.bytes = frames.at();
                    continue;
                }
                Step::End => ("segment ends early", Tail::Clean),
                Step::Blank => ("commits are missing", Tail::Reserved),
                Step::Bad(what) => (what, Tail::Torn),
            };
            it.tail = tail;
            let goes_on = tail != Tail::Clean && frames.resync().context("read", path)?;
            if goes_on || segment.last() != u64::MAX {
                it.tail = Tail::Damaged;
                self.damage(damage(what))?;
            }
            if !goes_on {
                break;
            }
        }
        self.found.segments.push(it);
        Ok(())
    }

    fn records(
        &mut self,
        frames: &FrameReader,
        first: u64,
        count: u32,
        committed_at: Timestamp,
    ) -> Result<(), E> {
        let mut position = 0;
        for revision in first..first + u64::from(count) {
            let Some((bytes, next)) = record_at(frames.payload(), position) else {
                break;
            };
            (self.visit)(Item::Record(Record {
                revision,
                committed_at,
                bytes,
            }))?;
            position = next;
        }
        Ok(())
    }
}
