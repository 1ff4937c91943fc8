//! What the journal remembers.

use std::sync::Arc;

use lifepod_engine::WatchEnd;
use lifepod_lifecycle::{id::Revision, port::Record};

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
