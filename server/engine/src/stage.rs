//! What a turn has decided and not yet committed.

use std::{collections::BTreeMap, sync::Arc};

use lifepod_lifecycle::{
    Pod, Settings, Verdict,
    effect::Effect,
    id::{OpId, PodKey, PodUid, Revision},
    input::Input,
    port::{Record, RequestRecord},
    time::Timestamp,
    transition::{Cause, CauseKind},
};

use crate::table::Table;

/// A bound against rules that never come to rest; far above any real chain.
const MAX_CHAIN: usize = 64;

pub(crate) struct Stage<'t> {
    table: &'t Table,
    now: Timestamp,
    next: Revision,
    pods: BTreeMap<PodUid, (Arc<Pod>, bool)>,
    names: BTreeMap<PodKey, Option<PodUid>>,
    pub(crate) rules: Settings,
    pub(crate) records: Vec<Arc<Record>>,
    /// Pods of which only bookkeeping changed since their last record.
    pub(crate) kept: BTreeMap<PodUid, Arc<Pod>>,
    pub(crate) effects: Vec<Effect>,
    pub(crate) cancelled: Vec<(PodUid, OpId)>,
}

/// What one input led to.
pub(crate) struct Chain {
    /// The pod right after the input itself.
    pub(crate) pod: Arc<Pod>,
    /// Newest revision of the chain, or the pod's if nothing changed.
    pub(crate) revision: Revision,
    /// Clients no longer see the pod.
    pub(crate) removed: bool,
}

impl<'t> Stage<'t> {
    pub(crate) fn new(table: &'t Table, rules: Settings, head: Revision, now: Timestamp) -> Self {
        Self {
            table,
            now,
            next: head.next(),
            pods: BTreeMap::new(),
            names: BTreeMap::new(),
            rules,
            records: Vec::new(),
            kept: BTreeMap::new(),
            effects: Vec::new(),
            cancelled: Vec::new(),
        }
    }

    /// The pod as this turn has left it.
    pub(crate) fn get(&self, uid: &PodUid) -> Option<Arc<Pod>> {
        match self.pods.get(uid) {
            Some((_, true)) => None,
            Some((pod, false)) => Some(Arc::clone(pod)),
            None => self.table.get(uid).cloned(),
        }
    }

    /// The pod of that name as this turn has left it.
    pub(crate) fn named(&self, key: &PodKey) -> Option<Arc<Pod>> {
        match self.names.get(key) {
            Some(uid) => uid.as_ref().and_then(|uid| self.get(uid)),
            None => self.table.named(key).cloned(),
        }
    }

    /// Takes a verdict on `pod` and follows the rules until they rest.
    pub(crate) fn take(
        &mut self,
        mut pod: Pod,
        first: Verdict,
        cause: &Cause,
        mut request: Option<RequestRecord>,
    ) -> Chain {
        let (mut verdict, mut answer) = (first, None);
        let cause = if cause.kind == CauseKind::Request {
            cause.clone()
        } else {
            Cause::of(CauseKind::Rule)
        };
        for _ in 0..MAX_CHAIN {
            let (more, changed) = (verdict.more, verdict.changed);
            if changed || request.is_some() {
                pod = self.record(pod, verdict, request.take());
            } else if verdict.kept {
                self.keep(&pod, verdict);
            }
            answer.get_or_insert_with(|| Arc::new(pod.clone()));
            if !more {
                break;
            }
            verdict = pod
                .step(&self.rules, self.now, &Input::Continue(cause.clone()))
                .unwrap_or_default();
        }
        let removed = !pod.is_visible() || self.get(&pod.meta.uid).is_none();
        let revision = pod.revision;
        Chain {
            pod: answer.unwrap_or_else(|| Arc::new(pod)),
            revision,
            removed,
        }
    }

    /// Keeps what changed of a pod without a revision: it may be lost in a crash.
    fn keep(&mut self, pod: &Pod, verdict: Verdict) {
        let uid = pod.meta.uid.clone();
        let stored = Arc::new(pod.clone());
        self.follow(&uid, verdict.cancelled, verdict.effects);
        self.pods.insert(uid.clone(), (Arc::clone(&stored), false));
        self.kept.insert(uid, stored);
    }

    fn follow(&mut self, uid: &PodUid, cancelled: Vec<OpId>, effects: Vec<Effect>) {
        let cancelled = cancelled.into_iter().map(|op| (uid.clone(), op));
        self.cancelled.extend(cancelled);
        self.effects.extend(effects);
    }

    /// Makes the next revision of a verdict. An answered request that changed nothing is
    /// recorded with the pod at its old revision, which watchers pass over.
    fn record(&mut self, mut pod: Pod, verdict: Verdict, request: Option<RequestRecord>) -> Pod {
        let revision = self.next;
        self.next = revision.next();
        let previous = pod.revision;
        if verdict.changed {
            pod.revision = revision;
        }
        let stored = Arc::new(pod.clone());
        let (key, uid) = (pod.meta.key.clone(), pod.meta.uid.clone());
        if pod.is_visible() && !verdict.removed {
            self.names.insert(key, Some(uid.clone()));
        } else if self.named(&key).is_none_or(|known| known.meta.uid == uid) {
            self.names.insert(key, None);
        }
        self.follow(&uid, verdict.cancelled, verdict.effects);
        self.kept.remove(&uid);
        self.pods
            .insert(uid, (Arc::clone(&stored), verdict.removed));
        self.records.push(Arc::new(Record {
            revision,
            committed_at: self.now,
            pod: stored,
            previous,
            removed: verdict.removed,
            transitions: verdict.transitions,
            request,
        }));
        pod
    }
}
