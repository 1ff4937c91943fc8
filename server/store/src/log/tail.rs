//! Finds where a store ends, and opens its last segment there.

use std::sync::Arc;

use uuid::Uuid;

use super::{
    Timestamp,
    header::{HEADER, Header, Kind},
    layout::{self, JOURNAL},
    mend::prepare_segment,
    scan::{FrameReader, Step},
    segment::{Segment, mark},
    writer::Active,
};
use crate::{
    disk::{Disk, DiskFile},
    error::{IoContext as _, LogError},
};

/// Starts the log of a new store.
pub(super) fn first_segment(
    disk: &dyn Disk,
    epoch: Uuid,
    revision: u64,
    now: Timestamp,
) -> Result<Arc<Segment>, LogError> {
    let header = Header::new(Kind::Segment, epoch, revision, now);
    let (path, _) = prepare_segment(disk, &header)?;
    disk.rename(&layout::unfinished(&path), &path)
        .context("rename", &path)?;
    disk.sync_dir(JOURNAL).context("sync", JOURNAL)?;
    Ok(Arc::new(Segment::new(header, path, HEADER as u64, None)))
}

/// Opens the last segment for writing after its last good frame.
pub(super) fn activate(
    disk: &dyn Disk,
    segments: &mut Vec<Arc<Segment>>,
) -> Result<(Active, u64), LogError> {
    let last = segments.pop().expect("a store has at least one segment");
    let path = last.path.clone();
    let file = disk.open_rw(&path).context("open", &path)?;
    // What a killed process wrote and did not sync is only in the cache. Sync it, then look past
    // the cache: after a sync that failed in that process, it shows what the disk never got.
    file.sync_data().context("sync", &path)?;
    file.drop_cache().context("read", &path)?;
    let found = find_end(&file, &last.header, &path)?;
    let length = file.size().context("read", &path)?;
    if length > found.end {
        file.set_len(found.end).context("cut", &path)?;
        file.sync_data().context("sync", &path)?;
    }
    let torn = if found.torn { length - found.end } else { 0 };
    let segment = Segment::new(last.header.clone(), path, found.end, Some(found.marks));
    let segment = Arc::new(segment);
    segments.push(Arc::clone(&segment));
    Ok((
        Active {
            segment,
            file,
            next: found.next,
            at: found.at,
        },
        torn,
    ))
}

struct End {
    end: u64,
    next: u64,
    at: Timestamp,
    marks: Vec<(u64, u64)>,
    torn: bool,
}

/// Finds where the good frames of the last segment end. A bad frame with a good one after it is
/// damage: a commit is only started when the one before it is durable.
fn find_end(file: &Arc<dyn DiskFile>, header: &Header, path: &str) -> Result<End, LogError> {
    let length = file.size().context("read", path)?;
    let mut frames = FrameReader::new(Arc::clone(file), header.salt, HEADER as u64, length);
    let (mut next, mut at, mut marks) = (header.revision, header.created_at, Vec::new());
    let (what, torn) = loop {
        let from = frames.at();
        match frames.step().context("read", path)? {
            Step::Frame(head) if head.first == next => {
                mark(&mut marks, next, from);
                (next, at) = (head.next(), head.at);
            }
            Step::Frame(_) => {
                let what = "revisions are missing";
                return Err(LogError::Corrupt {
                    file: path.to_owned(),
                    offset: from,
                    revision: next,
                    what,
                });
            }
            Step::End => {
                return Ok(End {
                    end: from,
                    next,
                    at,
                    marks,
                    torn: false,
                });
            }
            Step::Blank => break ("commits are missing", false),
            Step::Bad(what) => break (what, true),
        }
    };
    let end = frames.at();
    if frames.resync().context("read", path)? {
        let file = path.to_owned();
        return Err(LogError::Corrupt {
            file,
            offset: end,
            revision: next,
            what,
        });
    }
    Ok(End {
        end,
        next,
        at,
        marks,
        torn,
    })
}
