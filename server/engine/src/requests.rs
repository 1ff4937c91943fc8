//! Requests that were answered, for as long as a repetition gets the same answer.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use lifepod_lifecycle::{port::Record, time::Timestamp};

use crate::inbox::{Committed, RequestKey, SubmitError};

pub(crate) struct Requests {
    window: Duration,
    limit: usize,
    answers: HashMap<String, (u64, Committed)>,
    order: VecDeque<(Timestamp, String)>,
}

impl Requests {
    pub(crate) fn new(window: Duration, limit: usize) -> Self {
        Self {
            window,
            limit,
            answers: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    /// The answer to an earlier request of that id.
    pub(crate) fn find(&self, key: &RequestKey) -> Option<Result<Committed, SubmitError>> {
        self.answers.get(&key.id).map(|(fingerprint, committed)| {
            if *fingerprint == key.fingerprint {
                Ok(committed.clone())
            } else {
                Err(SubmitError::RequestConflict { id: key.id.clone() })
            }
        })
    }

    /// Remembers an answer and forgets what is too old or too much.
    pub(crate) fn remember(&mut self, key: &RequestKey, committed: Committed, now: Timestamp) {
        self.answers
            .insert(key.id.clone(), (key.fingerprint, committed));
        self.order.push_back((now, key.id.clone()));
        while let Some((at, _)) = self.order.front() {
            if now.since(*at) <= self.window && self.order.len() <= self.limit {
                break;
            }
            if let Some((_, id)) = self.order.pop_front() {
                self.answers.remove(&id);
            }
        }
    }

    /// Remembers what the store remembers.
    pub(crate) fn load(&mut self, records: Vec<Record>) {
        for record in records {
            if let Some(request) = record.request {
                let key = RequestKey {
                    id: request.id,
                    fingerprint: request.fingerprint,
                };
                let committed = Committed {
                    revision: request.newest.unwrap_or(record.pod.revision),
                    pod: record.pod,
                    removed: request.removed,
                };
                self.remember(&key, committed, record.committed_at);
            }
        }
    }
}
