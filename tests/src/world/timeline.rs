//! Everything a watch has shown, in order.

use lifepod_client::{
    WatchEvent,
    checker::subject_key,
    proto::{
        ChangeKind, ContainerState, ContainerStatus, Pod, PodChange, Transition,
        container_state::State,
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// Everything a watch has shown, in order.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    changes: Vec<PodChange>,
    /// Newest state, by uid.
    pods: BTreeMap<String, Pod>,
    /// Uids of pods that were removed.
    gone: BTreeSet<String>,
    revision: Option<u64>,
}

impl Timeline {
    pub(super) fn accept(&mut self, event: WatchEvent) {
        match event {
            WatchEvent::Reset(_) => {}
            WatchEvent::Snapshot(pod) => self.keep(*pod),
            WatchEvent::SnapshotDone { revision } | WatchEvent::Progress { revision } => {
                self.revision = self.revision.max(Some(revision));
            }
            WatchEvent::Change(change) => {
                if let Some(pod) = &change.pod {
                    self.keep(pod.clone());
                }
                if change.kind() == ChangeKind::Deleted {
                    self.gone
                        .insert(change.pod_ref.clone().unwrap_or_default().uid);
                }
                self.revision = self.revision.max(Some(change.revision));
                self.changes.push(*change);
            }
        }
    }

    fn keep(&mut self, pod: Pod) {
        let uid = pod.metadata.clone().unwrap_or_default().uid;
        self.pods.insert(uid, pod);
    }

    /// Newest revision up to which everything was shown.
    #[must_use]
    pub fn revision(&self) -> Option<u64> {
        self.revision
    }

    /// Every change, in order.
    #[must_use]
    pub fn changes(&self) -> &[PodChange] {
        &self.changes
    }

    /// Every change of the pods of one name.
    pub fn changes_of(&self, name: &str) -> impl Iterator<Item = &PodChange> {
        let is_it =
            move |change: &&PodChange| change.pod_ref.as_ref().is_some_and(|pod| pod.name == name);
        self.changes.iter().filter(is_it)
    }

    /// Every transition, in order.
    #[must_use]
    pub fn transitions(&self) -> Vec<Transition> {
        self.changes
            .iter()
            .flat_map(|change| change.transitions.clone())
            .collect()
    }

    /// The pod of that name that is there.
    #[must_use]
    pub fn pod(&self, name: &str) -> Option<&Pod> {
        let alive = self
            .pods
            .iter()
            .filter(|(uid, _)| !self.gone.contains(*uid));
        alive.map(|(_, pod)| pod).find(|pod| pod_name(pod) == name)
    }

    /// Newest status of a container of the pod that is there.
    #[must_use]
    pub fn container(&self, pod: &str, container: &str) -> Option<&ContainerStatus> {
        container_of(self.pod(pod)?, container)
    }

    /// Whether a pod of that name was seen, and none is left.
    #[must_use]
    pub fn is_gone(&self, name: &str) -> bool {
        let seen = self.pods.values().any(|pod| pod_name(pod) == name);
        seen && self.pod(name).is_none()
    }

    /// Names of the pods that are there.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let alive = self
            .pods
            .iter()
            .filter(|(uid, _)| !self.gone.contains(*uid));
        alive.map(|(_, pod)| pod_name(pod).to_owned()).collect()
    }

    /// The states one subject of a pod went through, the first one it left included.
    #[must_use]
    pub fn states(&self, pod: &str, subject: &str) -> Vec<&str> {
        let transitions = self.changes_of(pod).flat_map(|change| &change.transitions);
        let mut states = Vec::new();
        for transition in transitions.filter(|transition| subject_key(transition) == subject) {
            if states.is_empty() {
                states.push(transition.from.as_str());
            }
            if states.last() != Some(&transition.to.as_str()) {
                states.push(&transition.to);
            }
        }
        states
    }

    /// Every state of a container a watcher was shown, equal ones in a row once.
    #[must_use]
    pub fn shown(&self, pod: &str, container: &str) -> Vec<String> {
        let pods = self
            .changes_of(pod)
            .filter_map(|change| change.pod.as_ref());
        let statuses = pods.filter_map(|pod| container_of(pod, container));
        let mut shown: Vec<String> = statuses.map(|status| word(status.state.as_ref())).collect();
        shown.dedup();
        shown
    }
}

/// A container's status within a pod.
#[must_use]
pub fn container_of<'p>(pod: &'p Pod, container: &str) -> Option<&'p ContainerStatus> {
    let status = pod.status.as_ref()?;
    let mut all = status
        .init_container_statuses
        .iter()
        .chain(&status.container_statuses);
    all.find(|status| status.name == container)
}

/// `Waiting(reason)`, `Running` or `Terminated(reason,code)`.
#[must_use]
pub fn word(state: Option<&ContainerState>) -> String {
    match state.and_then(|state| state.state.as_ref()) {
        Some(State::Waiting(waiting)) => format!("Waiting({})", waiting.reason),
        Some(State::Running(_)) => "Running".to_owned(),
        Some(State::Terminated(end)) => format!("Terminated({},{})", end.reason, end.exit_code),
        None => "Waiting()".to_owned(),
    }
}

fn pod_name(pod: &Pod) -> &str {
    pod.metadata.as_ref().map_or("", |meta| &meta.name)
}

impl fmt::Display for Timeline {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for change in &self.changes {
            let name = change.pod_ref.as_ref().map_or("", |pod| &pod.name);
            writeln!(out, "  {:>5} {name} {:?}", change.revision, change.kind())?;
            for transition in &change.transitions {
                let (from, to) = (&transition.from, &transition.to);
                let key = subject_key(transition);
                write!(out, "        {key}: {from} -> {to}")?;
                if let Some(exit) = &transition.exit {
                    write!(out, " exit {}", exit.code)?;
                }
                writeln!(out, " {} {}", transition.reason, transition.message)?;
            }
        }
        Ok(())
    }
}
