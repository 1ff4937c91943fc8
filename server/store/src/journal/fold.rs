//! The state that the records add up to.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use lifepod_lifecycle::{
    Pod,
    id::{PodUid, Revision},
    port::Record,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// For how long, and for how many requests, the answer is kept. Time is that of the newest
/// record: a server that was off forgets nothing by it.
#[derive(Clone, Copy, Debug)]
pub struct RequestWindow {
    /// Requests older than this are forgotten.
    pub age: Duration,
    /// So are those beyond this many.
    pub count: usize,
}

impl Default for RequestWindow {
    fn default() -> Self {
        Self {
            age: Duration::from_mins(10),
            count: 10_000,
        }
    }
}

/// A record that answers a request. The record itself is read from the log when it is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) revision: Revision,
    pub(super) at: Timestamp,
}

/// What the records up to one revision add up to.
#[derive(Clone, Debug, Default)]
pub(super) struct Fold {
    pub(super) revision: Revision,
    /// Time of the newest record.
    pub(super) at: Timestamp,
    pub(super) pods: BTreeMap<PodUid, Arc<Pod>>,
    /// Oldest first.
    pub(super) answers: VecDeque<Answer>,
}

impl Fold {
    /// Adds the next record.
    pub(super) fn apply(&mut self, record: &Record, window: &RequestWindow) {
        self.revision = record.revision;
        self.at = self.at.max(record.committed_at);
        let uid = &record.pod.meta.uid;
        if record.removed {
            self.pods.remove(uid);
        } else {
            self.pods.insert(uid.clone(), Arc::clone(&record.pod));
        }
        if record.request.is_some() {
            self.answers.push_back(Answer {
                revision: record.revision,
                at: record.committed_at,
            });
        }
        while let Some(oldest) = self.answers.front() {
            if self.at.since(oldest.at) <= window.age && self.answers.len() <= window.count {
                break;
            }
            self.answers.pop_front();
        }
    }

    /// Oldest revision that is still needed to answer a repeated request.
    pub(super) fn oldest_answer(&self) -> Option<Revision> {
        self.answers.front().map(|answer| answer.revision)
    }
}
