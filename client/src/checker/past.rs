//! What is known of one pod, and what its next frame must agree with.

use std::collections::BTreeMap;

use super::{
    Guarantee,
    subject::{is_origin, key, subject_of},
};
use crate::{
    Word,
    proto::{
        ChangeKind, ContainerStatus, Pod, PodChange, PodPhase, PodStatus, Transition,
        container_state::State, transition_subject::Subject,
    },
    time,
};

pub(super) type Fault = (Guarantee, String);

/// One pod's life so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Past {
    name: String,
    /// Seen from its first revision.
    whole: bool,
    /// The selector selected it last time, and it was not removed.
    there: bool,
    removed: bool,
    /// Its own newest revision.
    revision: Option<u64>,
    deleting: bool,
    phase: PodPhase,
    /// By container.
    restarts: BTreeMap<String, i32>,
    /// Newest state of each subject.
    states: BTreeMap<String, String>,
    /// Newest attempt told of each container.
    attempts: BTreeMap<String, u32>,
}

impl Past {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Told of, selected and not removed.
    pub(super) fn is_there(&self) -> bool {
        self.there
    }

    /// One revision; answers what is wrong with it.
    pub(super) fn change(&mut self, change: &PodChange) -> Vec<Fault> {
        let mut faults = Vec::new();
        self.continues(change, &mut faults);
        for (index, transition) in change.transitions.iter().enumerate() {
            if transition.revision != change.revision || transition.index as usize != index {
                let (at, number) = (transition.revision, transition.index);
                let text = format!("transition {index} says it is {at}/{number}");
                faults.push((Guarantee::Atomic, text));
            }
            self.follow(transition, &mut faults);
        }
        if let Some(pod) = &change.pod {
            if pod.metadata.as_ref().map(|meta| meta.revision) != Some(change.revision) {
                let text = "the pod is of another revision".to_owned();
                faults.push((Guarantee::Atomic, text));
            }
            faults.extend(self.show(pod));
            faults.extend(self.agree(pod));
        }
        self.revision = Some(change.revision);
        self.there = !matches!(change.kind(), ChangeKind::Deleted | ChangeKind::Left);
        if change.kind() == ChangeKind::Deleted {
            self.end(change, &mut faults);
        }
        faults
    }

    /// Whether the frame follows what is known of the pod, judged by the pod's own revisions.
    fn continues(&mut self, change: &PodChange, faults: &mut Vec<Fault>) {
        if let Some(reference) = &change.pod_ref {
            self.name.clone_from(&reference.name);
        }
        if self.removed {
            let text = "something happened after the end".to_owned();
            faults.push((Guarantee::Lifecycle, text));
        }
        let previous = change.previous_revision;
        match change.kind() {
            ChangeKind::Added => {
                self.whole = self.revision.is_none();
                if previous != 0 {
                    let text = format!("it was added, and existed at revision {previous}");
                    faults.push((Guarantee::Reliable, text));
                }
            }
            // What happened while it was not selected is not known.
            ChangeKind::Entered => {
                let name = std::mem::take(&mut self.name);
                *self = Self {
                    name,
                    ..Self::default()
                };
            }
            _ => {
                // Records of servers older than this field do not tell.
                let missed = self
                    .revision
                    .filter(|seen| previous != 0 && *seen != previous);
                if let Some(seen) = missed {
                    let text =
                        format!("last told of at revision {seen}, but it changed at {previous}");
                    faults.push((Guarantee::Reliable, text));
                }
            }
        }
    }

    /// The pod as a snapshot or a frame shows it.
    pub(super) fn show(&mut self, pod: &Pod) -> Vec<Fault> {
        let mut faults = Vec::new();
        let status = pod.status.clone().unwrap_or_default();
        let metadata = pod.metadata.clone().unwrap_or_default();
        self.name = metadata.name;
        self.there = true;
        self.revision = Some(metadata.revision);
        let mut fault = |text| faults.push((Guarantee::Lifecycle, text));
        let deleting = metadata.deletion_timestamp.is_some();
        if self.deleting && !deleting {
            fault("the deletion was taken back".to_owned());
        }
        self.deleting = deleting;
        if is_terminal(self.phase) && status.phase() != self.phase {
            fault(format!("{:?} became {:?}", self.phase, status.phase()));
        }
        self.phase = status.phase();
        let containers = containers(&status);
        for name in self.restarts.keys() {
            if !containers.iter().any(|container| container.name == *name) {
                fault(format!("container {name} vanished"));
            }
        }
        for container in containers {
            self.container(container).into_iter().for_each(&mut fault);
        }
        faults
    }

    fn container(&mut self, container: &ContainerStatus) -> Option<String> {
        let name = &container.name;
        let count = container.restart_count;
        let known = self.restarts.insert(name.clone(), count).unwrap_or(0);
        if count < known {
            return Some(format!(
                "restart count of {name} fell from {known} to {count}"
            ));
        }
        let Some(State::Terminated(end)) = state_of(container) else {
            return None;
        };
        let (began, ended) = (end.started_at.as_ref()?, end.finished_at.as_ref()?);
        (time::to_instant(began) > time::to_instant(ended))
            .then(|| format!("{name} ended at {ended:?}, before it began at {began:?}"))
    }

    /// A transition must begin where the subject is.
    fn follow(&mut self, transition: &Transition, faults: &mut Vec<Fault>) {
        let mut fault = |text| faults.push((Guarantee::Complete, text));
        let Some(subject) = subject_of(transition) else {
            return fault("a transition without a subject".to_owned());
        };
        let key = key(subject);
        let (from, to) = (&transition.from, &transition.to);
        match self.states.get(&key) {
            Some(known) if known != from => {
                fault(format!(
                    "{key} went from `{from}` to `{to}` but was `{known}`"
                ));
            }
            None if self.whole && !is_origin(subject, from) => {
                fault(format!("{key} begins with `{from}`"));
            }
            _ => {}
        }
        if let Subject::Container(container) = subject {
            let attempt = container.attempt;
            let known = self.attempts.insert(key.clone(), attempt).unwrap_or(0);
            if attempt < known {
                fault(format!("attempt of {key} fell from {known} to {attempt}"));
            }
        }
        if key == "object" && to == "Deleting" {
            self.count_deletion();
        }
        self.states.insert(key, to.clone());
    }

    /// The first deletion request is one more generation without a transition of its own.
    fn count_deletion(&mut self) {
        let known = self.states.get("spec").map_or("1", String::as_str);
        if let (true, Ok(generation)) = (self.whole, known.parse::<u64>()) {
            self.states
                .insert("spec".to_owned(), (generation + 1).to_string());
        }
    }

    /// The pod must be what its transitions add up to.
    fn agree(&self, pod: &Pod) -> Vec<Fault> {
        let status = pod.status.clone().unwrap_or_default();
        let mut shown = vec![("phase".to_owned(), status.phase().word())];
        for condition in &status.conditions {
            let key = format!("condition {}", condition.r#type);
            shown.push((key, condition.status().word()));
        }
        for container in containers(&status) {
            let key = format!("container {}", container.name);
            shown.push((key, container.stage().word()));
        }
        let told = |key: &String| self.states.get(key).map(String::as_str);
        let wrong = |(key, word): (String, &str)| {
            let told = told(&key).filter(|told| *told != word)?;
            let text = format!("{key} is shown as `{word}`, told as `{told}`");
            Some((Guarantee::Atomic, text))
        };
        shown.into_iter().filter_map(wrong).collect()
    }

    /// A pod that was read must be the one last told of.
    pub(super) fn compare(&self, pod: &Pod) -> Vec<Fault> {
        let revision = pod.metadata.as_ref().map(|meta| meta.revision);
        let mut faults = self.agree(pod);
        if revision != self.revision {
            let text = format!(
                "it is at revision {revision:?}, told up to {:?}",
                self.revision
            );
            faults.push((Guarantee::Reliable, text));
        }
        faults
    }

    fn end(&mut self, change: &PodChange, faults: &mut Vec<Fault>) {
        *self = Self {
            name: std::mem::take(&mut self.name),
            removed: true,
            revision: self.revision,
            ..Self::default()
        };
        let Some(pod) = &change.pod else { return };
        let metadata = pod.metadata.as_ref();
        // Removed at once, by force: the containers are ended behind the scenes.
        if metadata.is_some_and(|meta| meta.deletion_grace_period_seconds == Some(0)) {
            return;
        }
        let mut fault = |text| faults.push((Guarantee::Lifecycle, text));
        let status = pod.status.clone().unwrap_or_default();
        if !is_terminal(status.phase()) {
            fault(format!("removed in phase {:?}", status.phase()));
        }
        for container in containers(&status) {
            if matches!(state_of(container), Some(State::Running(_))) {
                fault(format!("removed while {} ran", container.name));
            }
        }
    }
}

fn state_of(container: &ContainerStatus) -> Option<&State> {
    container.state.as_ref()?.state.as_ref()
}

fn containers(status: &PodStatus) -> Vec<&ContainerStatus> {
    let init = status.init_container_statuses.iter();
    init.chain(&status.container_statuses).collect()
}

fn is_terminal(phase: PodPhase) -> bool {
    matches!(phase, PodPhase::Succeeded | PodPhase::Failed)
}
