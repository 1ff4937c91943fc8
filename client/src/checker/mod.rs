//! Checks a watch against everything that the server promises of it (feature `checker`).
//!
//! ```text
//! Watch::next ──► Checker::accept(event) ──► violations(), empty as long as every promise holds
//! ```
//! The promises are written in `docs/guarantees.md` and in the comment of `WatchPods`. The checker needs nothing but the
//! events of one [`Watch`](crate::Watch), across all its reconnections, so any client can run it over what it records,
//! in a test or in production. It keeps a little memory for each pod it was told of, and none for each event.
//!
//! ```
//! use lifepod_client::{WatchEvent, checker::{Checker, Scope}};
//!
//! let mut checker = Checker::new(Scope::Everything);
//! checker.accept(&WatchEvent::Progress { revision: 7 });
//! assert!(checker.violations().is_empty());
//! ```

mod compare;
mod past;
mod subject;
#[cfg(test)]
mod tests;
mod violation;

use std::collections::BTreeMap;

use crate::{
    ResetReason, WatchEvent,
    proto::{ChangeKind, Pod, PodChange},
};
use past::Past;

pub use compare::compare;
pub use subject::subject_key;
pub use violation::{Guarantee, Violation};

/// What a watch shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All pods, beginning with a snapshot: every pod is announced before it changes.
    Everything,
    /// Some pods, or from a position on: pods may be met in mid-life.
    Part,
}

/// Checks one watch, across all its resumptions.
#[derive(Debug, Clone)]
pub struct Checker {
    scope: Scope,
    /// Newest revision told in any way.
    revision: Option<u64>,
    /// Newest revision of which nothing at or below may still come.
    bookmark: Option<u64>,
    /// By uid.
    pods: BTreeMap<String, Past>,
    resets: Vec<ResetReason>,
    violations: Vec<Violation>,
}

impl Checker {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(scope: Scope) -> Self {
        Self {
            scope,
            revision: None,
            bookmark: None,
            pods: BTreeMap::new(),
            resets: Vec::new(),
            violations: Vec::new(),
        }
    }

    /// Every promise that was broken so far.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// Newest revision up to which everything has been told.
    #[must_use]
    pub fn revision(&self) -> Option<u64> {
        self.revision
    }

    /// Why the view began anew after its beginning. Each is a typed ending that the server announced: what was compacted
    /// away, or is another store, cannot be continued. A client that never stays away for longer than history is kept,
    /// and whose server keeps its store, sees none.
    #[must_use]
    pub fn resets(&self) -> &[ResetReason] {
        &self.resets
    }

    /// The next event of the watch.
    pub fn accept(&mut self, event: &WatchEvent) {
        match event {
            WatchEvent::Reset(reason) => self.reset(*reason),
            WatchEvent::Snapshot(pod) => self.snapshot(pod),
            WatchEvent::SnapshotDone { revision } | WatchEvent::Progress { revision } => {
                self.progress(*revision);
            }
            WatchEvent::Change(change) => self.change(change),
        }
    }

    /// Checks a list of all pods that the watch shows, read at [`Checker::revision`]: it must hold exactly the pods that
    /// were told of and not removed, each as the fold of its transitions.
    #[must_use]
    pub fn compare_pods(&self, listed: &[Pod]) -> Vec<Violation> {
        let mut unlisted: BTreeMap<_, _> = self
            .pods
            .iter()
            .filter(|(_, past)| past.is_there())
            .collect();
        let mut found = Vec::new();
        for pod in listed {
            let metadata = pod.metadata.clone().unwrap_or_default();
            let mut note = |guarantee, text| {
                found.push(Violation::of_pod(
                    guarantee,
                    metadata.revision,
                    &metadata.name,
                    text,
                ));
            };
            match unlisted.remove(&metadata.uid) {
                Some(past) => past
                    .compare(pod)
                    .into_iter()
                    .for_each(|(guarantee, text)| note(guarantee, text)),
                None => note(
                    Guarantee::Reliable,
                    "it is there, and the watch does not show it".to_owned(),
                ),
            }
        }
        let revision = self.revision.unwrap_or_default();
        found.extend(unlisted.into_values().map(|past| {
            let text = "the watch shows it, and it is not there".to_owned();
            Violation::of_pod(Guarantee::Reliable, revision, past.name(), text)
        }));
        found
    }

    fn reset(&mut self, reason: ResetReason) {
        let first = self.revision.is_none() && self.resets.is_empty();
        match reason {
            ResetReason::Started if first => {}
            ResetReason::Started => {
                let text = "the watch began anew without a reason".to_owned();
                self.note(Guarantee::Resumable, text);
            }
            ResetReason::Expired | ResetReason::EpochChanged => self.resets.push(reason),
        }
        self.pods.clear();
        self.revision = None;
        self.bookmark = None;
    }

    fn snapshot(&mut self, pod: &Pod) {
        let metadata = pod.metadata.clone().unwrap_or_default();
        let past = self.pods.entry(metadata.uid).or_default();
        let faults = past.show(pod);
        self.note_all(metadata.revision, &metadata.name, faults);
    }

    fn progress(&mut self, revision: u64) {
        if let Some(known) = self.revision.filter(|known| revision < *known) {
            let text = format!("progress fell from {known} to {revision}");
            self.note(Guarantee::Bookmarkable, text);
        }
        self.bookmark = self.bookmark.max(Some(revision));
        self.revision = self.revision.max(Some(revision));
    }

    fn change(&mut self, change: &PodChange) {
        self.order(change.revision);
        let reference = change.pod_ref.clone().unwrap_or_default();
        let known = self.pods.contains_key(&reference.uid);
        let past = self.pods.entry(reference.uid).or_default();
        let mut faults = past.change(change);
        if self.scope == Scope::Everything && (change.kind() == ChangeKind::Added) == known {
            let text = format!(
                "{:?} of a pod that was {}told of",
                change.kind(),
                if known { "" } else { "never " }
            );
            faults.push((Guarantee::Reliable, text));
        }
        self.note_all(change.revision, &reference.name, faults);
    }

    fn order(&mut self, revision: u64) {
        match self.revision {
            Some(last) if revision == last && self.bookmark < Some(revision) => {
                self.note(Guarantee::Unique, format!("revision {revision} came again"));
            }
            Some(last) if revision < last && self.bookmark < Some(revision) => {
                self.note(
                    Guarantee::Ordered,
                    format!("revision {revision} after {last}"),
                );
            }
            Some(last) if revision <= last => {
                let text = format!("revision {revision} after nothing up to {last} was to come");
                self.note(Guarantee::Bookmarkable, text);
            }
            _ => {}
        }
        self.revision = self.revision.max(Some(revision));
    }

    fn note(&mut self, guarantee: Guarantee, text: String) {
        let revision = self.revision.unwrap_or_default();
        self.violations
            .push(Violation::of_stream(guarantee, revision, text));
    }

    fn note_all(&mut self, revision: u64, pod: &str, faults: Vec<past::Fault>) {
        let faults = faults.into_iter();
        let faults =
            faults.map(|(guarantee, text)| Violation::of_pod(guarantee, revision, pod, text));
        self.violations.extend(faults);
    }
}
