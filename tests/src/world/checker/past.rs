//! What is known of one pod.

use lifepod_client::{
    Word,
    proto::{
        ChangeKind, ContainerStatus, Pod, PodChange, PodPhase, PodStatus, Transition,
        container_state::State, transition_subject::Subject,
    },
};
use std::collections::BTreeMap;

/// One pod's life so far.
#[derive(Debug)]
pub(super) struct Past {
    /// Whether it was seen from its first revision.
    whole: bool,
    met: bool,
    deleted: bool,
    ghost: bool,
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
    /// A pod whose first revision comes next.
    pub(super) fn newborn() -> Self {
        Self {
            whole: true,
            ..Self::unknown()
        }
    }

    /// A pod met in mid-life.
    pub(super) fn unknown() -> Self {
        Self {
            whole: false,
            met: false,
            deleted: false,
            ghost: false,
            deleting: false,
            phase: PodPhase::Unspecified,
            restarts: BTreeMap::new(),
            states: BTreeMap::new(),
            attempts: BTreeMap::new(),
        }
    }

    pub(super) fn is_met(&self) -> bool {
        self.met
    }

    /// Removed at once: it is taken apart behind the scenes.
    pub(super) fn is_ghost(&self) -> bool {
        self.ghost
    }

    /// One revision; answers what is wrong with it.
    pub(super) fn accept(&mut self, change: &PodChange) -> Vec<String> {
        let mut faults = Vec::new();
        if self.deleted {
            faults.push("something happened after the end".to_owned());
        }
        for (index, transition) in change.transitions.iter().enumerate() {
            if transition.revision != change.revision || transition.index as usize != index {
                let (at, number) = (transition.revision, transition.index);
                faults.push(format!("transition {index} says it is {at}/{number}"));
            }
            faults.extend(self.follow(transition));
        }
        if let Some(pod) = &change.pod {
            if pod.metadata.as_ref().map(|meta| meta.revision) != Some(change.revision) {
                faults.push("the pod is of another revision".to_owned());
            }
            faults.extend(self.accept_pod(pod));
            faults.extend(self.agree(pod));
        }
        if change.kind() == ChangeKind::Deleted {
            faults.extend(self.end(change));
        }
        faults
    }

    /// The pod as a snapshot or a frame shows it.
    pub(super) fn accept_pod(&mut self, pod: &Pod) -> Vec<String> {
        self.met = true;
        let mut faults = Vec::new();
        let status = pod.status.clone().unwrap_or_default();
        let deleting = pod
            .metadata
            .as_ref()
            .is_some_and(|meta| meta.deletion_timestamp.is_some());
        if self.deleting && !deleting {
            faults.push("the deletion was taken back".to_owned());
        }
        self.deleting = deleting;
        if is_terminal(self.phase) && status.phase() != self.phase {
            faults.push(format!("{:?} became {:?}", self.phase, status.phase()));
        }
        self.phase = status.phase();
        let containers = containers(&status);
        for name in self.restarts.keys() {
            if !containers.iter().any(|container| container.name == *name) {
                faults.push(format!("container {name} vanished"));
            }
        }
        for container in containers {
            faults.extend(self.container(container));
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
        let state = container
            .state
            .as_ref()
            .and_then(|state| state.state.as_ref());
        let Some(State::Terminated(end)) = state else {
            return None;
        };
        let stamp =
            |time: Option<prost_types::Timestamp>| time.map(|time| (time.seconds, time.nanos));
        let (began, ended) = (stamp(end.started_at), stamp(end.finished_at));
        (began > ended).then(|| format!("{name} ended at {ended:?}, before it began at {began:?}"))
    }

    /// A transition must begin where the subject is.
    fn follow(&mut self, transition: &Transition) -> Vec<String> {
        let mut faults = Vec::new();
        let Some(subject) = transition
            .subject
            .as_ref()
            .and_then(|subject| subject.subject.clone())
        else {
            return vec!["a transition without a subject".to_owned()];
        };
        let key = key(&subject);
        let (from, to) = (&transition.from, &transition.to);
        match self.states.get(&key) {
            Some(known) if known != from => {
                faults.push(format!(
                    "{key} went from `{from}` to `{to}` but was `{known}`"
                ));
            }
            None if self.whole && !is_origin(&subject, from) => {
                faults.push(format!("{key} begins with `{from}`"));
            }
            _ => {}
        }
        if let Subject::Container(container) = subject {
            let known = self
                .attempts
                .insert(key.clone(), container.attempt)
                .unwrap_or(0);
            if container.attempt < known {
                faults.push(format!("attempt of {key} fell from {known}"));
            }
        }
        self.states.insert(key, to.clone());
        faults
    }

    /// The pod must be what its transitions add up to.
    fn agree(&self, pod: &Pod) -> Vec<String> {
        let status = pod.status.clone().unwrap_or_default();
        let mut shown = vec![("phase".to_owned(), status.phase().word())];
        for condition in &status.conditions {
            shown.push((
                format!("condition {}", condition.r#type),
                condition.status().word(),
            ));
        }
        for container in containers(&status) {
            shown.push((
                format!("container {}", container.name),
                container.stage().word(),
            ));
        }
        let told = |key: &String| self.states.get(key).map(String::as_str);
        shown.retain(|(key, word)| told(key).is_some_and(|told| told != *word));
        let wrong = shown.into_iter();
        wrong
            .map(|(key, word)| format!("{key} is shown as `{word}`, told as `{:?}`", told(&key)))
            .collect()
    }

    fn end(&mut self, change: &PodChange) -> Vec<String> {
        self.deleted = true;
        let pod = change.pod.clone().unwrap_or_default();
        let at_once = pod
            .metadata
            .is_some_and(|meta| meta.deletion_grace_period_seconds == Some(0));
        self.ghost = at_once;
        if at_once {
            return Vec::new();
        }
        let mut faults = Vec::new();
        let status = pod.status.unwrap_or_default();
        if !is_terminal(status.phase()) {
            faults.push(format!("removed in phase {:?}", status.phase()));
        }
        let running = |container: &&ContainerStatus| {
            let state = container
                .state
                .as_ref()
                .and_then(|state| state.state.as_ref());
            matches!(state, Some(State::Running(_)))
        };
        for container in containers(&status).into_iter().filter(running) {
            faults.push(format!("removed while {} ran", container.name));
        }
        faults
    }
}

fn containers(status: &PodStatus) -> Vec<&ContainerStatus> {
    let init = status.init_container_statuses.iter();
    init.chain(&status.container_statuses).collect()
}

fn is_terminal(phase: PodPhase) -> bool {
    matches!(phase, PodPhase::Succeeded | PodPhase::Failed)
}

/// What a subject that was never told of may begin with.
fn is_origin(subject: &Subject, from: &str) -> bool {
    from.is_empty() || (matches!(subject, Subject::Sandbox(_)) && from == "Absent")
}

/// One chain of states: a container's goes on over its attempts, a hook's belongs to one of them.
pub(super) fn key(subject: &Subject) -> String {
    match subject {
        Subject::Object(_) => "object".to_owned(),
        Subject::Phase(_) => "phase".to_owned(),
        Subject::Condition(condition) => format!("condition {}", condition.r#type),
        Subject::Sandbox(_) => "sandbox".to_owned(),
        Subject::Image(image) => format!("image of {}", image.container),
        Subject::Container(container) => format!("container {}", container.name),
        Subject::Hook(hook) => {
            format!(
                "{:?} of {} attempt {}",
                hook.kind(),
                hook.container,
                hook.attempt
            )
        }
        Subject::Probe(probe) => {
            format!(
                "{:?} of {} attempt {}",
                probe.kind(),
                probe.container,
                probe.attempt
            )
        }
        Subject::Spec(_) => "spec".to_owned(),
    }
}
