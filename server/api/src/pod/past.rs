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

/// The last record up to and including `upto` that `wanted` picks; none if there is none, or
/// none that is kept. Reads the journal from its beginning: for rare questions only.
///
/// # Errors
/// The journal cannot be read.
pub(super) async fn last_record(
    shared: &Shared,
    upto: Revision,
    wanted: impl Fn(&Record) -> bool,
) -> Result<Option<Arc<Record>>> {
    let mut cursor = shared.engine.watch(shared.engine.oldest());
    let mut last = None;
    while cursor.position() < upto {
        match cursor.next().await {
            Ok(record) if record.revision > upto => break,
            Ok(record) if record.is_visible() && wanted(&record) => last = Some(record),
            Ok(_) => {}
            // Compacted under our feet: what is gone is not remembered.
            Err(WatchEnd::Compacted { oldest }) => cursor = shared.engine.watch(oldest),
            Err(end) => return Err(ApiError::of_watch(end, cursor.position())),
        }
    }
    Ok(last)
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
