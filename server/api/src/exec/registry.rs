//! The sessions that can be attached to by id.

use std::{collections::HashMap, future::Future, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::OnceCell;

use super::session::{Policy, Session};
use crate::error::{ApiError, Result};

/// Commands that may be kept without a client.
const MAX_KEPT: usize = 64;

struct Slot {
    /// Hash of the `start` that made it.
    fingerprint: u64,
    session: Arc<OnceCell<Arc<Session>>>,
}

/// Sessions by id.
#[derive(Default)]
pub(crate) struct Registry {
    slots: Mutex<HashMap<String, Slot>>,
}

impl Registry {
    /// The session of that id, begun by `begin` if there is none: a repeated start begins
    /// nothing twice, not even when both come at the same time.
    ///
    /// # Errors
    /// `REQUEST_ID_REUSED` when the id was used for another command; what `begin` answers.
    pub(super) async fn obtain<F>(
        &self,
        id: &str,
        fingerprint: u64,
        begin: F,
    ) -> Result<Arc<Session>>
    where
        F: Future<Output = Result<Arc<Session>>>,
    {
        let cell = {
            let mut slots = self.slots.lock();
            let slot = slots.entry(id.to_owned()).or_insert_with(|| Slot {
                fingerprint,
                session: Arc::default(),
            });
            if slot.fingerprint != fingerprint {
                return Err(ApiError::RequestIdReused(id.to_owned()));
            }
            Arc::clone(&slot.session)
        };
        let begun = cell.get_or_try_init(|| begin).await.cloned();
        if begun.is_err() && !cell.initialized() {
            self.remove(id);
        }
        begun
    }

    pub(super) fn find(&self, id: &str) -> Option<Arc<Session>> {
        let slots = self.slots.lock();
        slots.get(id).and_then(|slot| slot.session.get().cloned())
    }

    /// As [`Registry::find`], of a session that was begun by the same request.
    ///
    /// # Errors
    /// `REQUEST_ID_REUSED` when it was begun by another.
    pub(super) fn find_begun(&self, id: &str, fingerprint: u64) -> Result<Option<Arc<Session>>> {
        let slots = self.slots.lock();
        match slots.get(id) {
            Some(slot) if slot.fingerprint != fingerprint => {
                Err(ApiError::RequestIdReused(id.to_owned()))
            }
            Some(slot) => Ok(slot.session.get().cloned()),
            None => Ok(None),
        }
    }

    pub(super) fn remove(&self, id: &str) {
        self.slots.lock().remove(id);
    }

    /// # Errors
    /// `STREAM_LIMIT_REACHED` when no more commands can be kept.
    pub(super) fn check_room(&self) -> Result<()> {
        let slots = self.slots.lock();
        let is_kept = |slot: &&Slot| {
            let session = slot.session.get();
            session.is_some_and(|s| matches!(s.policy, Policy::Keep { .. }) && s.is_abandoned())
        };
        if slots.values().filter(is_kept).count() < MAX_KEPT {
            return Ok(());
        }
        Err(ApiError::StreamLimitReached { limit: MAX_KEPT })
    }
}
