//! A checkpoint: the whole state at one revision, so that opening need not replay everything.
//!
//! It is a file of frames like a segment; the frames count entries instead of revisions, and an
//! empty frame marks the end. It gets its name when it is complete and durable.

use std::{
    io,
    sync::{Arc, atomic::Ordering},
};

use uuid::Uuid;

use super::{
    Log, Timestamp,
    frame::{FrameBuilder, MAX_COMMIT, record_at},
    header::{HEADER, Header, Kind},
    layout::{self, CHECKPOINTS},
    scan::{FrameReader, Step},
};
use crate::{
    disk::{Disk, DiskFile},
    error::{IoContext as _, LogError},
};

/// Bytes of entries per frame.
const FRAME: usize = 64 << 10;

/// Checkpoints kept in any case, so that damage of the newest is not the end. Of the older ones
/// the first of each segment stays as long as the segment: history is read as of a revision from
/// there, whichever segment it begins with.
pub(super) const KEPT: usize = 2;

/// A cursor over the entries of a checkpoint that was found sound.
#[derive(Debug)]
pub struct Checkpoint {
    header: Header,
    path: String,
    frames: FrameReader,
    /// Entries gone over.
    entries: u64,
    /// Entries left in the frame, and where the next one is.
    left: u32,
    position: usize,
}

impl Checkpoint {
    pub(super) fn open(disk: &dyn Disk, revision: u64, epoch: Uuid) -> Result<Self, LogError> {
        let path = layout::checkpoint_path(revision);
        let file = disk.open(&path).context("open", &path)?;
        let header = Header::read(Kind::Checkpoint, &*file, &path)?;
        if header.epoch != epoch || header.revision != revision {
            let what = "header belongs to another file";
            return Err(LogError::Corrupt {
                file: path,
                offset: 0,
                revision,
                what,
            });
        }
        let end = file.size().context("read", &path)?;
        let frames = FrameReader::new(file, header.salt, HEADER as u64, end);
        Ok(Self {
            header,
            path,
            frames,
            entries: 0,
            left: 0,
            position: 0,
        })
    }

    /// Last revision it contains.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.header.revision
    }

    /// When it was made.
    #[must_use]
    pub fn created_at(&self) -> Timestamp {
        self.header.created_at
    }

    /// The next entry, in the order they were written.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] and [`LogError::Io`].
    #[expect(
        clippy::should_implement_trait,
        reason = "lends from its buffer and can fail"
    )]
    pub fn next(&mut self) -> Result<Option<&[u8]>, LogError> {
        if self.left == 0 && !self.next_frame()? {
            return Ok(None);
        }
        self.left -= 1;
        self.entries += 1;
        let at = std::mem::take(&mut self.position);
        match record_at(self.frames.payload(), at) {
            Some((entry, position)) => {
                self.position = position;
                Ok(Some(entry))
            }
            None => Err(self.damaged("entry does not fit its frame")),
        }
    }

    /// Enters the next frame that has entries; false at the end mark.
    fn next_frame(&mut self) -> Result<bool, LogError> {
        match self.frames.step().context("read", &self.path)? {
            Step::Frame(head) if head.first == self.entries => {
                (self.left, self.position) = (head.count, 0);
                Ok(head.count > 0)
            }
            Step::Frame(_) => Err(self.damaged("entries are missing")),
            Step::Bad(what) => Err(self.damaged(what)),
            Step::Blank | Step::End => Err(self.damaged("the end is missing")),
        }
    }

    /// Reads it to the end.
    pub(super) fn verify(mut self) -> Result<u64, LogError> {
        while self.next_frame()? {
            self.entries += u64::from(self.left);
        }
        Ok(self.entries)
    }

    fn damaged(&self, what: &'static str) -> LogError {
        LogError::Corrupt {
            file: self.path.clone(),
            offset: self.frames.at(),
            revision: self.header.revision,
            what,
        }
    }
}

/// The newest sound checkpoint, and what is wrong with newer ones.
pub(super) fn newest(
    disk: &dyn Disk,
    epoch: Uuid,
) -> Result<(Option<Checkpoint>, Vec<LogError>), LogError> {
    let mut bad = Vec::new();
    for revision in layout::checkpoints(disk)?.into_iter().rev() {
        let verified = Checkpoint::open(disk, revision, epoch).and_then(Checkpoint::verify);
        match verified {
            Ok(_) => return Ok((Some(Checkpoint::open(disk, revision, epoch)?), bad)),
            Err(error @ LogError::Corrupt { .. }) => bad.push(error),
            Err(error) => return Err(error),
        }
    }
    Ok((None, bad))
}

impl Log {
    /// Opens the newest checkpoint.
    ///
    /// # Errors
    /// Those of reading.
    pub fn checkpoint(&self) -> Result<Option<Checkpoint>, LogError> {
        match self.checkpointed() {
            0 => Ok(None),
            revision => Checkpoint::open(&*self.0.disk, revision, self.epoch()).map(Some),
        }
    }

    /// Opens the checkpoints from which the state after `revision` can be rebuilt, the nearest
    /// first. One that is removed meanwhile is passed over.
    ///
    /// # Errors
    /// Those of the disk; those of reading are for each checkpoint.
    pub fn checkpoints_upto(
        &self,
        revision: u64,
    ) -> Result<impl Iterator<Item = Result<Checkpoint, LogError>> + use<>, LogError> {
        let (disk, epoch) = (Arc::clone(&self.0.disk), self.epoch());
        let known = layout::checkpoints(&*disk)?;
        let fit = known.into_iter().rev().filter(move |at| *at <= revision);
        let open = move |at| Checkpoint::open(&*disk, at, epoch);
        Ok(fit.map(open).filter(|opened| match opened {
            Err(LogError::Io { source, .. }) => source.kind() != io::ErrorKind::NotFound,
            _ => true,
        }))
    }

    /// Oldest revision after which the state can be rebuilt, zero if from the beginning.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn oldest_state(&self) -> Result<u64, LogError> {
        let before = self.oldest() - 1;
        let known = layout::checkpoints(&*self.0.disk)?;
        let mut usable = known.into_iter().filter(|at| *at >= before);
        Ok(if before == 0 {
            0
        } else {
            usable.next().unwrap_or(before)
        })
    }

    /// Writes the state as it is after `revision`, which must be durable, and answers its size in
    /// bytes, zero if there is a newer one already. Takes as long as the disk takes; appends go on
    /// meanwhile. Older checkpoints that are needed no longer are removed.
    ///
    /// # Errors
    /// [`LogError::Future`]; those of the disk and of `entries`, after which the checkpoint does
    /// not exist.
    pub fn write_checkpoint<B: AsRef<[u8]>, E: From<LogError>>(
        &self,
        revision: u64,
        at: Timestamp,
        entries: impl IntoIterator<Item = Result<B, E>>,
    ) -> Result<u64, E> {
        let newest = self.newest();
        if revision > newest {
            let asked = revision;
            return Err(LogError::Future { asked, newest }.into());
        }
        let _maintenance = self.0.maintenance.lock();
        if revision <= self.checkpointed() {
            return Ok(0);
        }
        let header = Header::new(Kind::Checkpoint, self.epoch(), revision, at);
        let path = layout::checkpoint_path(revision);
        let new = layout::unfinished(&path);
        let disk = &*self.0.disk;
        let size = write(disk, &new, &header, entries).inspect_err(|_| {
            let _ = disk.remove(&new);
        })?;
        disk.rename(&new, &path).context("rename", &path)?;
        disk.sync_dir(CHECKPOINTS).context("sync", CHECKPOINTS)?;
        self.0.checkpointed.store(revision, Ordering::Release);
        self.remove_old_checkpoints()?;
        Ok(size)
    }

    /// Removes the checkpoints that no record follows without gap, and those after the first one
    /// of a segment.
    pub(super) fn remove_old_checkpoints(&self) -> Result<(), LogError> {
        let disk = &*self.0.disk;
        let starts: Vec<u64> = self.0.segments.read().iter().map(|s| s.first()).collect();
        let known = layout::checkpoints(disk)?;
        let mut kept_for = 0;
        for revision in &known[..known.len().saturating_sub(KEPT)] {
            // Where the record after it is: the how manieth segment, zero if that is gone.
            let segment = starts.partition_point(|first| *first <= revision + 1);
            if segment == kept_for {
                let path = layout::checkpoint_path(*revision);
                disk.remove(&path).context("remove", &path)?;
            }
            kept_for = segment;
        }
        Ok(())
    }
}

fn write<B: AsRef<[u8]>, E: From<LogError>>(
    disk: &dyn Disk,
    path: &str,
    header: &Header,
    entries: impl IntoIterator<Item = Result<B, E>>,
) -> Result<u64, E> {
    let file = disk.create(path).context("create", path)?;
    file.write_at(&header.encode(), 0).context("write", path)?;
    let mut out = Out {
        file,
        at: HEADER as u64,
        entries: 0,
        frame: FrameBuilder::default(),
    };
    out.frame.clear();
    for entry in entries {
        let entry = entry?;
        let (bytes, limit) = (entry.as_ref().len(), MAX_COMMIT - FRAME);
        if bytes > limit {
            return Err(LogError::TooLarge { bytes, limit }.into());
        }
        out.frame.push(entry.as_ref());
        if out.frame.len() >= FRAME {
            out.flush(header, path)?;
        }
    }
    if out.frame.count() > 0 {
        out.flush(header, path)?;
    }
    // The frame is empty now: the end mark.
    out.flush(header, path)?;
    out.file.sync_data().context("sync", path)?;
    Ok(out.at)
}

struct Out {
    file: Arc<dyn DiskFile>,
    at: u64,
    entries: u64,
    frame: FrameBuilder,
}

impl Out {
    fn flush(&mut self, header: &Header, path: &str) -> Result<(), LogError> {
        let count = u64::from(self.frame.count());
        let frame = self
            .frame
            .seal(header.salt, self.entries, header.created_at);
        self.file.write_at(frame, self.at).context("write", path)?;
        self.at += frame.len() as u64;
        self.entries += count;
        self.frame.clear();
        Ok(())
    }
}
