//! What a turn has decided and not yet committed.

use std::{collections::BTreeMap, sync::Arc};

use lifepod_lifecycle::{
    Pod, Settings, Verdict,
    effect::Effect,
    id::{OpId, PodKey, PodUid, Revision},
    input::Input,
    port::{Record, RequestRecord},
    time::Timestamp,
    transition::Cause,
};

use crate::table::Table;

/// A bound against rules that never come to rest; far above any real chain, but for the ends of
/// containers, which are told one by one.
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
        pod: Pod,
        verdict: Verdict,
        cause: &Cause,
        request: Option<RequestRecord>,
    ) -> Chain {
        let asked = request.is_some().then_some(self.records.len());
        let mut more = verdict.more;
        let pod = self.put(pod, verdict, request);
        let mut newest = Arc::clone(&pod);
        let mut left = MAX_CHAIN + pod.state().containers.len();
        while more && left > 0 {
            let mut next = Pod::clone(&newest);
            let verdict = next
                .step(&self.rules, self.now, &Input::Continue(cause.clone()))
                .unwrap_or_default();
            more = verdict.more;
            newest = self.put(next, verdict, None);
            left -= 1;
        }
        let removed = !newest.is_visible() || self.get(&newest.meta.uid).is_none();
        let chain = Chain {
            pod,
            revision: newest.revision,
            removed,
        };
        if let Some(index) = asked {
            self.note_answer(index, &chain);
        }
        chain
    }

    /// Completes the record of a request by what its answer says of later revisions.
    fn note_answer(&mut self, index: usize, chain: &Chain) {
        let record = self.records.get_mut(index).and_then(Arc::get_mut);
        if let Some(request) = record.and_then(|record| record.request.as_mut()) {
            request.newest = Some(chain.revision).filter(|newest| *newest != chain.pod.revision);
            request.removed = chain.removed;
        }
    }

    /// Takes over a pod after a step, as the verdict says.
    fn put(&mut self, pod: Pod, verdict: Verdict, request: Option<RequestRecord>) -> Arc<Pod> {
        if verdict.changed || request.is_some() {
            self.record(pod, verdict, request)
        } else if verdict.kept {
            self.keep(pod, verdict)
        } else {
            Arc::new(pod)
        }
    }

    /// Keeps what changed of a pod without a revision: it may be lost in a crash.
    fn keep(&mut self, pod: Pod, verdict: Verdict) -> Arc<Pod> {
        let uid = pod.meta.uid.clone();
        let stored = Arc::new(pod);
        self.follow(&uid, verdict.cancelled, verdict.effects);
        self.pods.insert(uid.clone(), (Arc::clone(&stored), false));
        self.kept.insert(uid, Arc::clone(&stored));
        stored
    }

    fn follow(&mut self, uid: &PodUid, cancelled: Vec<OpId>, effects: Vec<Effect>) {
        let cancelled = cancelled.into_iter().map(|op| (uid.clone(), op));
        self.cancelled.extend(cancelled);
        self.effects.extend(effects);
    }

    /// Makes the next revision of a verdict. An answered request that changed nothing is
    /// recorded with the pod at its old revision, which watchers pass over.
    fn record(
        &mut self,
        mut pod: Pod,
        verdict: Verdict,
        request: Option<RequestRecord>,
    ) -> Arc<Pod> {
        let revision = self.next;
        self.next = revision.next();
        let previous = pod.revision;
        let (key, uid) = (pod.meta.key.clone(), pod.meta.uid.clone());
        if verdict.changed {
            pod.revision = revision;
            self.kept.remove(&uid);
        }
        let stored = Arc::new(pod);
        if stored.is_visible() && !verdict.removed {
            self.names.insert(key, Some(uid.clone()));
        } else if self.named(&key).is_none_or(|known| known.meta.uid == uid) {
            self.names.insert(key, None);
        }
        self.follow(&uid, verdict.cancelled, verdict.effects);
        self.pods
            .insert(uid, (Arc::clone(&stored), verdict.removed));
        self.records.push(Arc::new(Record {
            revision,
            committed_at: self.now,
            pod: Arc::clone(&stored),
            previous,
            removed: verdict.removed,
            transitions: verdict.transitions,
            request,
        }));
        stored
    }
}
