//! The store port: a durable, ordered journal of records.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    Pod,
    id::Revision,
    time::Timestamp,
    transition::{Subject, Transition},
};

/// Why the store could not do something.
#[derive(Clone, Debug, Error)]
pub enum StoreError {
    /// It cannot write now and may later: full or read-only disk, I/O error. Nothing of the
    /// commit is visible or will become visible.
    #[error("store cannot write: {message}")]
    Unavailable {
        /// Text.
        message: String,
    },
    /// The revision is no longer kept.
    #[error("revisions up to {oldest} are compacted")]
    Compacted {
        /// Oldest revision from which a reader can start: it can read everything after it.
        oldest: Revision,
    },
    /// Stored data cannot be trusted.
    #[error("store is corrupt: {message}")]
    Corrupt {
        /// Text.
        message: String,
    },
    /// Another process has it open.
    #[error("store is in use: {message}")]
    Locked {
        /// Text.
        message: String,
    },
    /// Written by a later version.
    #[error("store has format {found}, this version reads up to {supported}")]
    Version {
        /// Format found.
        found: u32,
        /// Newest format understood.
        supported: u32,
    },
}

/// The answer to a mutation, kept so that a repeated request gets it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequestRecord {
    /// The client's request id.
    pub id: String,
    /// Hash of the request's content.
    pub fingerprint: u64,
    /// Newest revision that belongs to the answer, if the rules went on after the record's own change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<Revision>,
    /// The answer said that the pod is gone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub removed: bool,
}

/// One revision: one atomic change of one pod.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Number of the change.
    pub revision: Revision,
    /// When it was committed.
    pub committed_at: Timestamp,
    /// The pod after it; its last state if it was removed.
    pub pod: Arc<Pod>,
    /// The pod's own last change before this one, zero if there was none: who has seen that one
    /// has missed nothing of the pod.
    #[serde(default)]
    pub previous: Revision,
    /// The pod is gone with this revision, for clients and for the runtime.
    #[serde(default)]
    pub removed: bool,
    /// What changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transitions: Vec<Transition>,
    /// The mutation that this revision answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestRecord>,
}

impl Record {
    /// Whether clients see the pod go with this revision.
    #[must_use]
    pub fn deletes(&self) -> bool {
        self.transitions
            .iter()
            .any(|t| t.subject == Subject::Object && t.to == "Deleted")
    }

    /// Whether clients see this revision. They do not see what only answers a request that
    /// changed nothing, nor how the runtime cleans up after a forced deletion.
    #[must_use]
    pub fn is_visible(&self) -> bool {
        self.deletes()
            || (self.pod.is_visible() && !self.removed && self.pod.revision == self.revision)
    }
}

/// What a store holds when it is opened.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Newest revision, zero for a new store.
    pub revision: Revision,
    /// Every pod that is not removed.
    pub pods: Vec<Arc<Pod>>,
    /// Records that answer requests and are younger than the idempotency window, oldest first.
    pub requests: Vec<Record>,
}

/// Records after a revision.
#[derive(Debug, Default)]
pub struct Page {
    /// In order, without gap, starting right after the asked revision.
    pub records: Vec<Arc<Record>>,
}

/// The writing side, owned by the engine thread.
pub trait Journal: Send + 'static {
    /// Identity of the store, a UUID made with it.
    fn epoch(&self) -> String;

    /// What it holds. Called once.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if the state cannot be rebuilt.
    fn load(&mut self) -> Result<Loaded, StoreError>;

    /// Makes the records durable, all or none, in order. Their revisions follow the newest one
    /// without gap.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; then none of them is or becomes visible and a later call may succeed.
    fn commit(&mut self, records: &[Arc<Record>]) -> Result<(), StoreError>;

    /// The reading side.
    fn reader(&self) -> Arc<dyn JournalReader>;

    /// Flushes and closes.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the last state could not be made cheap to load; nothing is lost.
    fn close(&mut self) -> Result<(), StoreError>;
}

/// The reading side, used from any thread.
pub trait JournalReader: Send + Sync + 'static {
    /// Up to `limit` records after `after`, fewer at the end or when they are large.
    ///
    /// # Errors
    /// [`StoreError::Compacted`] if records right after `after` are gone; [`StoreError::Corrupt`].
    fn read_after(&self, after: Revision, limit: usize) -> Result<Page, StoreError>;

    /// Oldest revision from which reading can start: everything after it is kept.
    fn oldest(&self) -> Revision;

    /// Every pod as it was right after a revision that exists, hidden ones included. What this
    /// offers reads all records; a store that starts from checkpoints does better.
    ///
    /// # Errors
    /// [`StoreError::Compacted`] with the oldest revision whose state is known;
    /// [`StoreError::Corrupt`].
    fn state_at(&self, revision: Revision) -> Result<Vec<Arc<Pod>>, StoreError> {
        const PAGE: usize = 1024;
        let (mut pods, mut after) = (BTreeMap::new(), Revision(0));
        while after < revision {
            let records = self.read_after(after, PAGE)?.records;
            let Some(last) = records.last() else { break };
            after = last.revision;
            for record in records.into_iter().filter(|r| r.revision <= revision) {
                pods.remove(&record.pod.meta.uid);
                if !record.removed {
                    pods.insert(record.pod.meta.uid.clone(), Arc::clone(&record.pod));
                }
            }
        }
        Ok(pods.into_values().collect())
    }
}
