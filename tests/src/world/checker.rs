//! What every watch promises, checked event by event.
//!
//! * **order**: revisions rise strictly; a watch of all pods sees every one of them;
//! * **chains**: each transition of a subject begins where the one before it ended;
//! * **state**: the pod of a frame agrees with the transitions told so far;
//! * **history**: terminal phases stay, restart counts and attempts never fall, a deletion is never
//!   taken back, containers do not vanish, nothing happens after the end.
//!
//! Pods that were removed at once are the one exception to "every revision": what still happens to
//! them behind the scenes takes revisions that nobody is told.

mod past;
#[cfg(test)]
mod tests;

use lifepod_client::{
    ResetReason, WatchEvent,
    proto::{ChangeKind, Pod, PodChange, Transition},
};
use past::Past;
use std::collections::BTreeMap;

/// What a watch shows and how it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All pods, from a snapshot.
    Everything,
    /// Some pods, or from a position: revisions may be missing, pods may be met in mid-life.
    Part,
}

/// Checks one watch, across all its resumptions.
#[derive(Debug)]
pub struct Checker {
    scope: Scope,
    begun: bool,
    revision: Option<u64>,
    /// By uid.
    pods: BTreeMap<String, Past>,
    /// A pod was removed at once, to be taken apart behind the scenes.
    ghosts: bool,
    broken: Vec<String>,
}

impl Checker {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(scope: Scope) -> Self {
        Self {
            scope,
            begun: false,
            revision: None,
            pods: BTreeMap::new(),
            ghosts: false,
            broken: Vec::new(),
        }
    }

    /// Every promise that was broken so far.
    #[must_use]
    pub fn broken(&self) -> &[String] {
        &self.broken
    }

    /// Newest revision up to which everything has been told.
    #[must_use]
    pub fn revision(&self) -> Option<u64> {
        self.revision
    }

    /// Whether revisions may be missing.
    #[must_use]
    pub fn may_miss(&self) -> bool {
        self.ghosts || self.scope == Scope::Part
    }

    /// The next event of the watch.
    pub fn accept(&mut self, event: &WatchEvent) {
        match event {
            WatchEvent::Reset(reason) => self.reset(*reason),
            WatchEvent::Snapshot(pod) => self.snapshot(pod),
            WatchEvent::SnapshotDone { revision } => self.revision = Some(*revision),
            WatchEvent::Progress { revision } => self.progress(*revision),
            WatchEvent::Change(change) => self.change(change),
        }
    }

    fn reset(&mut self, reason: ResetReason) {
        if self.begun || reason != ResetReason::Started {
            self.complain(format!("the watch began anew: {reason:?}"));
        }
        self.begun = true;
    }

    fn snapshot(&mut self, pod: &Pod) {
        let uid = pod.metadata.clone().unwrap_or_default().uid;
        let past = self.pods.entry(uid).or_insert_with(Past::unknown);
        let faults = past.accept_pod(pod);
        self.note(faults);
    }

    fn progress(&mut self, revision: u64) {
        let known = self.revision.unwrap_or(revision);
        if revision < known {
            self.complain(format!("progress fell from {known} to {revision}"));
        } else if revision > known && !self.may_miss() {
            self.complain(format!("nothing was told between {known} and {revision}"));
        }
        self.revision = Some(revision.max(known));
    }

    fn change(&mut self, change: &PodChange) {
        self.order(change.revision);
        let reference = change.pod_ref.clone().unwrap_or_default();
        let past = self.pods.entry(reference.uid).or_insert_with(|| {
            if change.kind() == ChangeKind::Added {
                Past::newborn()
            } else {
                Past::unknown()
            }
        });
        let met = past.is_met();
        let mut faults = past.accept(change);
        if self.scope == Scope::Everything && (change.kind() == ChangeKind::Added) == met {
            faults.push(format!("{:?} at the wrong time", change.kind()));
        }
        self.ghosts |= past.is_ghost();
        let name = reference.name;
        let at = change.revision;
        let faults = faults.into_iter();
        self.note(
            faults
                .map(|fault| format!("{name} at revision {at}: {fault}"))
                .collect(),
        );
    }

    fn order(&mut self, revision: u64) {
        match self.revision {
            Some(last) if revision <= last => {
                self.complain(format!("revision {revision} after {last}"));
            }
            Some(last) if revision != last + 1 && !self.may_miss() => {
                self.complain(format!("nothing between revisions {last} and {revision}"));
            }
            _ => {}
        }
        self.revision = self.revision.max(Some(revision));
    }

    fn note(&mut self, faults: Vec<String>) {
        for fault in faults {
            self.complain(fault);
        }
    }

    fn complain(&mut self, fault: String) {
        self.broken.push(fault);
    }
}

/// Names the chain of states a transition belongs to, for example `container web`.
#[must_use]
pub fn subject_key(transition: &Transition) -> String {
    let subject = transition
        .subject
        .as_ref()
        .and_then(|subject| subject.subject.as_ref());
    subject.map_or_else(String::new, past::key)
}
