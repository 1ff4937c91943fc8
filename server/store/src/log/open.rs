//! Opens a store: takes the lock, finds the newest state, cuts off what was never acknowledged.

use std::sync::{Arc, atomic::AtomicU64};

use uuid::Uuid;

use super::{
    Log, Options, Shared, Timestamp,
    checkpoint::{self, Checkpoint},
    header::{Header, Kind},
    layout::{self, CHECKPOINTS, EPOCH, JOURNAL, LOCK},
    segment::Segment,
    tail::{activate, first_segment},
    writer::LogWriter,
};
use crate::{
    disk::Disk,
    error::{IoContext as _, LogError},
};

/// An open store.
#[derive(Debug)]
pub struct Opened {
    /// The writing end; its [`LogWriter::log`] is the reading one.
    pub writer: LogWriter,
    /// The newest checkpoint; the state is what it holds plus all records after it.
    pub checkpoint: Option<Checkpoint>,
    /// What had to be put right.
    pub recovery: Recovery,
}

/// What had to be put right when the store was opened.
#[derive(Debug, Default)]
pub struct Recovery {
    /// Bytes of a commit that was never acknowledged, cut off.
    pub torn_bytes: u64,
    /// Damaged checkpoints passed over for an older one.
    pub bad_checkpoints: Vec<LogError>,
}

/// Opens the store, making it if there is none.
///
/// `now` dates what is made.
///
/// # Errors
/// [`LogError::Locked`], [`LogError::Version`], [`LogError::Corrupt`] if an acknowledged commit
/// that is not in a checkpoint cannot be read, and those of the disk.
pub fn open(disk: Arc<dyn Disk>, options: Options, now: Timestamp) -> Result<Opened, LogError> {
    let lock = disk
        .lock(LOCK)
        .context("lock", LOCK)?
        .ok_or(LogError::Locked)?;
    for dir in [JOURNAL, CHECKPOINTS] {
        disk.create_dir(dir).context("create", dir)?;
    }
    layout::remove_unfinished(&*disk)?;
    // A name that an earlier process did not sync must not be relied on before it is durable.
    for dir in ["", JOURNAL, CHECKPOINTS] {
        disk.sync_dir(dir).context("sync", dir)?;
    }
    let epoch = epoch(&*disk, now)?;
    let (checkpoint, bad_checkpoints) = checkpoint::newest(&*disk, epoch)?;
    let (mut segments, damaged) = segments(&*disk, epoch)?;
    if let Some(error) = damaged.into_iter().next() {
        return Err(error);
    }
    check_chain(&mut segments, checkpoint.as_ref())?;
    if segments.is_empty() {
        segments.push(first_segment(&*disk, epoch, options.first_revision, now)?);
    }
    let (active, torn_bytes) = activate(&*disk, &mut segments)?;
    let checkpointed = checkpoint.as_ref().map_or(0, Checkpoint::revision);
    if checkpointed >= active.next {
        let file = active.segment.path.clone();
        let (offset, revision) = (active.segment.end(), active.next);
        let what = "commits up to the checkpoint are missing";
        return Err(LogError::Corrupt {
            file,
            offset,
            revision,
            what,
        });
    }
    let log = Log(Arc::new(Shared {
        disk,
        epoch,
        options,
        segments: segments.into(),
        durable: AtomicU64::new(active.next - 1),
        checkpointed: AtomicU64::new(checkpointed),
        maintenance: Default::default(),
        counters: Default::default(),
    }));
    let writer = LogWriter::new(log, active, lock);
    Ok(Opened {
        writer,
        checkpoint,
        recovery: Recovery {
            torn_bytes,
            bad_checkpoints,
        },
    })
}

/// Reads the identity of the store, or gives it one.
fn epoch(disk: &dyn Disk, now: Timestamp) -> Result<Uuid, LogError> {
    if let Some(epoch) = known_epoch(disk)? {
        return Ok(epoch);
    }
    if !layout::segments(disk)?.is_empty() || !layout::checkpoints(disk)?.is_empty() {
        let what = "the store's identity is missing";
        return Err(LogError::Corrupt {
            file: EPOCH.to_owned(),
            offset: 0,
            revision: 0,
            what,
        });
    }
    let header = Header::new(Kind::Store, Uuid::new_v4(), 0, now);
    layout::write_whole(disk, "", EPOCH, &header.encode())?;
    Ok(header.epoch)
}

/// The identity of the store, `None` if it has none yet.
pub(super) fn known_epoch(disk: &dyn Disk) -> Result<Option<Uuid>, LogError> {
    if !disk
        .list("")
        .context("list", "")?
        .iter()
        .any(|name| name == EPOCH)
    {
        return Ok(None);
    }
    let file = disk.open(EPOCH).context("open", EPOCH)?;
    Ok(Some(Header::read(Kind::Store, &*file, EPOCH)?.epoch))
}

/// Reads the headers of all segments; those that do not hold are listed apart.
pub(super) fn segments(
    disk: &dyn Disk,
    epoch: Uuid,
) -> Result<(Vec<Arc<Segment>>, Vec<LogError>), LogError> {
    let (mut segments, mut damaged) = (Vec::<Arc<Segment>>::new(), Vec::new());
    for revision in layout::segments(disk)? {
        if let Some(before) = segments.last() {
            before.seal(revision - 1);
        }
        match open_segment(disk, epoch, revision) {
            Ok(segment) => segments.push(Arc::new(segment)),
            Err(error @ LogError::Corrupt { .. }) => damaged.push(error),
            Err(error) => return Err(error),
        }
    }
    Ok((segments, damaged))
}

fn open_segment(disk: &dyn Disk, epoch: Uuid, revision: u64) -> Result<Segment, LogError> {
    let path = layout::segment_path(revision);
    let file = disk.open(&path).context("open", &path)?;
    let header = Header::read(Kind::Segment, &*file, &path)?;
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
    Ok(Segment::new(header, path, end, None))
}

/// Leaves the segments that follow each other up to the last one, and makes sure that they reach
/// back to the checkpoint. Older ones are what a compaction had not removed for good.
pub(super) fn check_chain(
    segments: &mut Vec<Arc<Segment>>,
    checkpoint: Option<&Checkpoint>,
) -> Result<(), LogError> {
    let Some(mut oldest) = segments.len().checked_sub(1) else {
        return checkpoint.map_or(Ok(()), |checkpoint| Err(missing(checkpoint.revision() + 1)));
    };
    while oldest > 0 && segments[oldest].header.previous == segments[oldest - 1].first() {
        oldest -= 1;
    }
    segments.drain(..oldest);
    let header = &segments[0].header;
    let reaches_back = match checkpoint {
        Some(checkpoint) => header.revision <= checkpoint.revision() + 1,
        None => header.previous == 0,
    };
    if reaches_back {
        Ok(())
    } else {
        Err(missing(header.previous))
    }
}

fn missing(revision: u64) -> LogError {
    let what = "segment is missing";
    LogError::Corrupt {
        file: layout::segment_path(revision),
        offset: 0,
        revision,
        what,
    }
}
