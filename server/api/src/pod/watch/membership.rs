//! Which pods a watch's selector selects, and what a revision changes about that.
//!
//! A selector of identities needs no memory: a pod is selected all its life or never. For
//! labels and phases the watch remembers each pod's last verdict. A resumed watch begins
//! without that memory: what a pod was before its first record is read off the record where
//! the record tells, else looked up in the journal.

use std::{collections::HashMap, sync::Arc};

use lifepod_lifecycle::{
    Pod,
    id::{PodUid, Revision},
    port::Record,
    transition::{CauseKind, Subject},
};
use lifepod_proto::v1::ChangeKind;

use super::super::past::record_at;
use crate::{convert::meta::creates, error::Result, selector::Selector, shared::Shared};

pub(super) struct Membership {
    selector: Arc<Selector>,
    verdicts: HashMap<PodUid, bool>,
    /// A pod without a verdict is not selected, rather than unknown.
    complete: bool,
}

impl Membership {
    /// Begins with exactly these pods selected.
    pub(super) fn known(selector: Arc<Selector>, selected: &[Arc<Pod>]) -> Self {
        let mutable = selector.is_mutable();
        let pods = selected.iter().filter(|_| mutable);
        Self {
            verdicts: pods.map(|pod| (pod.meta.uid.clone(), true)).collect(),
            selector,
            complete: true,
        }
    }

    /// Begins without knowing anything.
    pub(super) fn unknown(selector: Arc<Selector>) -> Self {
        Self {
            selector,
            verdicts: HashMap::new(),
            complete: false,
        }
    }

    /// What a record means to this watch; none if nothing.
    ///
    /// # Errors
    /// The journal had to be asked and cannot be read.
    pub(super) async fn judge(
        &mut self,
        shared: &Shared,
        record: &Record,
    ) -> Result<Option<ChangeKind>> {
        if !self.selector.is_mutable() || creates(record) {
            return Ok(self.judge_known(record));
        }
        let matches = self.selector.matches(&record.pod);
        let before = self.before(shared, record, matches).await?;
        Ok(self.decide(record, before, matches))
    }

    /// As [`Membership::judge`], where what is not remembered is not selected.
    pub(super) fn judge_known(&mut self, record: &Record) -> Option<ChangeKind> {
        let matches = self.selector.matches(&record.pod);
        if !self.selector.is_mutable() {
            let kind = match (creates(record), record.deletes()) {
                (_, true) => ChangeKind::Deleted,
                (true, false) => ChangeKind::Added,
                (false, false) => ChangeKind::Modified,
            };
            return matches.then_some(kind);
        }
        let known = self.verdicts.get(&record.pod.meta.uid);
        let before = !creates(record) && known.copied().unwrap_or(false);
        self.decide(record, before, matches)
    }

    fn decide(&mut self, record: &Record, before: bool, matches: bool) -> Option<ChangeKind> {
        let (created, deleted) = (creates(record), record.deletes());
        let uid = &record.pod.meta.uid;
        if deleted {
            self.verdicts.remove(uid);
        } else {
            self.verdicts.insert(uid.clone(), matches);
        }
        match (before, matches && !deleted) {
            (true, false) if deleted => Some(ChangeKind::Deleted),
            (true, false) => Some(ChangeKind::Left),
            (true, true) => Some(ChangeKind::Modified),
            (false, true) if created => Some(ChangeKind::Added),
            (false, true) => Some(ChangeKind::Entered),
            (false, false) => None,
        }
    }

    /// Whether the pod was selected before the record.
    async fn before(&self, shared: &Shared, record: &Record, matches: bool) -> Result<bool> {
        let uid = &record.pod.meta.uid;
        if let Some(verdict) = self.verdicts.get(uid) {
            return Ok(*verdict);
        }
        if self.complete {
            return Ok(false);
        }
        let hidden = (self.selector.selects_by_labels() && may_relabel(record))
            || (self.selector.asks_for_address() && may_readdress(record));
        if !hidden {
            let phase = phase_before(record);
            return Ok(self.selector.matches_with_phase(&record.pod, phase));
        }
        let earlier = match record.previous {
            Revision(0) => None,
            previous => record_at(shared, previous).await?,
        };
        // Forgotten: telling a client that a pod entered or left when it did already is
        // harmless, keeping it from learning so is not.
        Ok(earlier.map_or(!matches, |earlier| self.selector.matches(&earlier.pod)))
    }
}

fn phase_before(record: &Record) -> &str {
    let mut phases = record
        .transitions
        .iter()
        .filter(|t| t.subject == Subject::Phase);
    let now = record.pod.state().observed.phase.as_str();
    phases.next().map_or(now, |transition| &transition.from)
}

/// Whether the labels may have changed: such a change is a request and has no transition of
/// its own.
fn may_relabel(record: &Record) -> bool {
    let asked = |t: &lifepod_lifecycle::transition::Transition| {
        t.cause.kind == CauseKind::Request && t.subject != Subject::Object
    };
    record.transitions.is_empty() || record.transitions.iter().any(asked)
}

/// Whether the pod's address may have changed: it comes with a sandbox.
fn may_readdress(record: &Record) -> bool {
    let sandbox = |t: &lifepod_lifecycle::transition::Transition| t.subject == Subject::Sandbox;
    record.transitions.is_empty() || record.transitions.iter().any(sandbox)
}
