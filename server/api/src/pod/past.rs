//! What the journal remembers.

use std::sync::Arc;

use lifepod_engine::{Snapshot, WatchEnd};
use lifepod_lifecycle::{
    id::Revision,
    port::{Record, StoreError},
};

use crate::{
    error::{ApiError, Result},
    shared::Shared,
};

/// The record of a revision, if it is kept.
///
/// # Errors
/// The journal cannot be read.
pub(super) async fn record_at(shared: &Shared, revision: Revision) -> Result<Option<Arc<Record>>> {
    let before = Revision(revision.0.saturating_sub(1));
    if let Some(recent) = shared.engine.recent(before) {
        return Ok(recent.into_iter().next());
    }
    let reader = shared.engine.reader();
    let read = tokio::task::spawn_blocking(move || reader.read_after(before, 1)).await;
    match read.map_err(|_| ApiError::Draining)? {
        Ok(page) => Ok(page.records.into_iter().next()),
        Err(StoreError::Compacted { .. }) => Ok(None),
        Err(error) => Err(ApiError::of_watch(WatchEnd::Store(error), before)),
    }
}

/// Checks that everything after a position can be read.
///
/// # Errors
/// `REVISION_IN_FUTURE`, `REVISION_EXPIRED`.
pub(super) fn check_position(shared: &Shared, position: Revision) -> Result<()> {
    let newest = shared.engine.revision();
    // A token may be a moment ahead of what the log has announced, never of the view.
    if position > newest && position > shared.engine.snapshot().revision {
        return Err(ApiError::RevisionInFuture {
            revision: position,
            newest,
        });
    }
    if position < shared.engine.oldest() {
        return Err(ApiError::RevisionExpired {
            revision: position,
            oldest: shared.oldest_revision(),
        });
    }
    Ok(())
}

/// All pods that clients saw, as of an earlier revision.
///
/// # Errors
/// `REVISION_IN_FUTURE`, `REVISION_EXPIRED`; the journal cannot be read.
pub(super) async fn snapshot_at(shared: &Shared, revision: Revision) -> Result<Arc<Snapshot>> {
    let present = shared.engine.snapshot();
    if revision == present.revision {
        return Ok(Arc::new(present));
    }
    if revision > present.revision {
        return Err(ApiError::RevisionInFuture {
            revision,
            newest: present.revision,
        });
    }
    // Each is a stretch of the journal read and held in memory.
    let _turn = shared
        .past_reads
        .acquire()
        .await
        .map_err(|_| ApiError::Draining)?;
    let reader = shared.engine.reader();
    let read = tokio::task::spawn_blocking(move || reader.state_at(revision)).await;
    let mut pods = match read.map_err(|_| ApiError::Draining)? {
        Ok(pods) => pods,
        Err(StoreError::Compacted { oldest }) => {
            return Err(ApiError::RevisionExpired { revision, oldest });
        }
        Err(error) => return Err(ApiError::internal("the journal cannot be read", &error)),
    };
    pods.retain(|pod| pod.is_visible());
    pods.sort_unstable_by(|a, b| a.meta.key.cmp(&b.meta.key));
    Ok(Arc::new(Snapshot { revision, pods }))
}
