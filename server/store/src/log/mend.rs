//! How the writer gets back on its feet after the disk refused, and how a segment is started.

use std::sync::Arc;

use super::{
    header::{HEADER, Header, Kind},
    layout::{JOURNAL, segment_path, unfinished},
    scan::{FrameReader, Step},
    segment::Segment,
    writer::{Health, LogWriter},
};
use crate::{
    disk::{Disk, DiskFile},
    error::{IoContext as _, LogError},
};

impl LogWriter {
    /// Does what [`Health`] asks for.
    pub(super) fn mend(&mut self) -> Result<(), LogError> {
        if self.health == Health::Good {
            return Ok(());
        }
        if self.health != Health::Sealed {
            self.reserved = self.end;
            let cut = self
                .file
                .set_len(self.end)
                .context("cut", &self.segment.path);
            if self.health == Health::Torn {
                cut?;
                self.health = Health::Good;
                return Ok(());
            }
            self.verify()?;
            self.health = Health::Sealed;
        }
        self.start_segment()
    }

    /// Reads what is acknowledged from the disk itself.
    fn verify(&self) -> Result<(), LogError> {
        let path = &self.segment.path;
        self.file.drop_cache().context("read", path)?;
        let file = Arc::clone(&self.file);
        let salt = self.segment.header.salt;
        let mut frames = FrameReader::new(file, salt, HEADER as u64, self.end);
        let mut next = self.segment.first();
        loop {
            let (offset, revision) = (frames.at(), next);
            let damaged = |what| LogError::Corrupt {
                file: path.clone(),
                offset,
                revision,
                what,
            };
            match frames.step().context("read", path)? {
                Step::Frame(head) => next = head.next(),
                Step::End if next == self.next => return Ok(()),
                Step::End | Step::Blank => {
                    return Err(damaged("commits are missing after a failed sync"));
                }
                Step::Bad(what) => return Err(damaged(what)),
            }
        }
    }

    pub(super) fn start_segment(&mut self) -> Result<(), LogError> {
        let shared = &*self.log.0;
        let old = &self.segment;
        let mut header = Header::new(Kind::Segment, shared.epoch, self.next, self.at);
        // An old one without records is replaced by the new one, which has the same name.
        let replaces = old.first() == self.next;
        header.previous = if replaces {
            old.header.previous
        } else {
            old.first()
        };
        let (path, file) = prepare_segment(&*shared.disk, &header)?;
        // From here on the new segment may exist, and would hide what goes into the old one.
        self.health = Health::Sealed;
        shared
            .disk
            .rename(&unfinished(&path), &path)
            .context("rename", &path)?;
        shared.disk.sync_dir(JOURNAL).context("sync", JOURNAL)?;

        if self.reserved > self.end {
            let _ = self.file.set_len(self.end);
        }
        old.seal(self.next - 1);
        let segment = Arc::new(Segment::new(header, path, HEADER as u64, Some(Vec::new())));
        let mut segments = shared.segments.write();
        if replaces {
            segments.pop();
        }
        segments.push(Arc::clone(&segment));
        drop(segments);
        self.segment = segment;
        self.file = file;
        self.end = HEADER as u64;
        self.reserved = self.end;
        self.health = Health::Good;
        Ok(())
    }
}

/// Writes a new segment under its unfinished name, durable.
pub(super) fn prepare_segment(
    disk: &dyn Disk,
    header: &Header,
) -> Result<(String, Arc<dyn DiskFile>), LogError> {
    let path = segment_path(header.revision);
    let new = unfinished(&path);
    let file = disk.create(&new).context("create", &new)?;
    file.write_at(&header.encode(), 0).context("write", &new)?;
    file.sync_data().context("sync", &new)?;
    Ok((path, file))
}
