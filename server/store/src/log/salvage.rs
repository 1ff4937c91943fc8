//! The way out of damage: a new store with everything up to the first bad place.
//!
//! The damaged store is only read. The new one has an epoch of its own, so that no client takes
//! its revisions for those it saw before.

use std::{io, sync::Arc};

use super::{
    LogWriter, Options, Timestamp, checkpoint,
    layout::EPOCH,
    open::{known_epoch, open},
    survey::{Item, survey},
};
use crate::{disk::Disk, error::LogError};

/// Bytes of records per commit of the new store.
const COMMIT: usize = 1 << 20;

/// What a salvage kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Salvaged {
    /// Revision of the checkpoint the new store starts with, zero if it starts from nothing.
    /// History before it is not taken over.
    pub checkpoint: u64,
    /// Last revision kept.
    pub newest: u64,
    /// Records after it that can be read but do not follow it, and are not taken over.
    pub lost: u64,
}

/// Copies the newest sound checkpoint and the records that follow it without gap into a new,
/// empty store.
///
/// # Errors
/// [`LogError::Corrupt`] if nothing can be rebuilt; those of both disks.
pub fn salvage(
    from: &dyn Disk,
    into: Arc<dyn Disk>,
    options: &Options,
    now: Timestamp,
) -> Result<Salvaged, LogError> {
    let nothing = LogError::Corrupt {
        file: EPOCH.to_owned(),
        offset: 0,
        revision: 0,
        what: "there is no store to salvage",
    };
    let epoch = known_epoch(from)?.ok_or(nothing)?;
    if known_epoch(&*into)?.is_some() {
        return Err(LogError::io(
            "create",
            EPOCH,
            io::ErrorKind::AlreadyExists.into(),
        ));
    }
    let (mut base, _) = checkpoint::newest(from, epoch)?;
    let mut kept = Salvaged {
        checkpoint: base.as_ref().map_or(0, checkpoint::Checkpoint::revision),
        ..Salvaged::default()
    };
    kept.newest = kept.checkpoint;
    let options = Options {
        first_revision: kept.checkpoint + 1,
        ..options.clone()
    };
    let mut writer = open(into, options, now)?.writer;
    if let Some(base) = &mut base {
        let entries = std::iter::from_fn(|| {
            base.next()
                .map(|entry| entry.map(<[u8]>::to_vec))
                .transpose()
        });
        writer
            .log()
            .write_checkpoint(kept.checkpoint, now, entries)?;
    }
    copy_records(from, &mut writer, &mut kept)?;
    writer.close()?;
    Ok(kept)
}

fn copy_records(
    from: &dyn Disk,
    writer: &mut LogWriter,
    kept: &mut Salvaged,
) -> Result<(), LogError> {
    let mut batch: Vec<Vec<u8>> = Vec::new();
    let (mut size, mut at) = (0, 0);
    survey(from, |item| {
        let Item::Record(record) = item else {
            return Ok(());
        };
        if record.revision != kept.newest + 1 {
            kept.lost += u64::from(record.revision > kept.newest);
            return Ok(());
        }
        if size > COMMIT || (record.committed_at != at && !batch.is_empty()) {
            writer.append(at, &batch)?;
            batch.clear();
            size = 0;
        }
        size += record.bytes.len();
        at = record.committed_at;
        batch.push(record.bytes.to_vec());
        kept.newest += 1;
        Ok::<(), LogError>(())
    })?;
    writer.append(at, &batch)?;
    Ok(())
}
