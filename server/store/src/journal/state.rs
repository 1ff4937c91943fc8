//! The fold in and out of the log: checkpoints, replay, answered requests.

use std::sync::Arc;

use lifepod_lifecycle::{
    Pod,
    id::Revision,
    port::{Record, StoreError},
};
use serde::{Deserialize, Serialize};

use super::{
    codec,
    fold::{Answer, Fold, RequestWindow},
};
use crate::log::{Checkpoint, Log};

/// An entry of a checkpoint.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Entry {
    Pod(Arc<Pod>),
    Answer(Answer),
}

/// Rebuilds the fold from the newest checkpoint and the records after it, and tells how many
/// bytes of records that took.
pub(super) fn load(log: &Log, window: &RequestWindow) -> Result<(Fold, u64), StoreError> {
    rebuild(log, log.checkpoint()?, log.newest(), window)
}

/// Every pod right after a revision. A checkpoint that does not hold only makes it slower.
pub(super) fn pods_at(log: &Log, revision: Revision) -> Result<Vec<Arc<Pod>>, StoreError> {
    let window = RequestWindow::default();
    let bases = log.checkpoints_upto(revision.0)?.map(|base| base.map(Some));
    // The beginning of everything is a base like any other, if it is still there.
    let beginning = (log.oldest() == 1).then_some(Ok(None));
    for base in bases.chain(beginning) {
        let rebuilt = base
            .map_err(StoreError::from)
            .and_then(|base| rebuild(log, base, revision.0, &window));
        match rebuilt {
            Ok((fold, _)) => return Ok(fold.pods.into_values().collect()),
            Err(StoreError::Corrupt { message }) => {
                tracing::warn!(%message, %revision, "a state of the past is read from further back");
            }
            // An older checkpoint has even less after it.
            Err(StoreError::Compacted { .. }) => break,
            Err(error) => return Err(error),
        }
    }
    let oldest = Revision(log.oldest_state()?);
    Err(StoreError::Compacted { oldest })
}

fn rebuild(
    log: &Log,
    base: Option<Checkpoint>,
    upto: u64,
    window: &RequestWindow,
) -> Result<(Fold, u64), StoreError> {
    let mut fold = Fold::default();
    let mut next = log.oldest();
    if let Some(mut checkpoint) = base {
        fold.revision.0 = checkpoint.revision();
        fold.at.0 = checkpoint.created_at();
        next = checkpoint.revision() + 1;
        while let Some(bytes) = checkpoint.next()? {
            match codec::decode(bytes)? {
                Entry::Pod(pod) => drop(fold.pods.insert(pod.meta.uid.clone(), pod)),
                Entry::Answer(answer) => fold.answers.push_back(answer),
            }
        }
    }
    let (mut records, mut replayed) = (log.read_from(next)?, 0);
    while fold.revision.0 < upto
        && let Some(stored) = records.next()?
    {
        let record: Record = codec::decode(stored.bytes)?;
        if record.revision.0 != stored.revision {
            let message = format!(
                "record {} calls itself {}",
                stored.revision, record.revision
            );
            return Err(StoreError::Corrupt { message });
        }
        fold.apply(&record, window);
        replayed += stored.bytes.len() as u64;
    }
    Ok((fold, replayed))
}

/// Writes a checkpoint and tells its size.
pub(super) fn save(log: &Log, fold: &Fold) -> Result<u64, StoreError> {
    let pods = fold.pods.values().map(|pod| Entry::Pod(Arc::clone(pod)));
    let answers = fold.answers.iter().map(|answer| Entry::Answer(*answer));
    let entries = pods.chain(answers).map(|entry| {
        let mut bytes = Vec::new();
        codec::encode(&entry, &mut bytes)?;
        Ok(bytes)
    });
    log.write_checkpoint(fold.revision.0, fold.at.0, entries)
}

/// Reads the records that answer requests.
pub(super) fn answers(log: &Log, fold: &Fold) -> Result<Vec<Record>, StoreError> {
    let mut wanted = fold
        .answers
        .iter()
        .map(|answer| answer.revision.0)
        .filter(|revision| *revision >= log.oldest())
        .peekable();
    let mut found = Vec::new();
    let Some(first) = wanted.peek() else {
        return Ok(found);
    };
    let mut records = log.read_from(*first)?;
    while let Some(revision) = wanted.peek() {
        let Some(stored) = records.next()? else { break };
        if stored.revision == *revision {
            found.push(codec::decode(stored.bytes)?);
            wanted.next();
        }
    }
    Ok(found)
}
