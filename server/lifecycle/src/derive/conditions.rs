//! Conditions (spec §3; kubelet `pkg/kubelet/status/generate.go`).

use super::brief::brief;
use crate::{
    Pod,
    spec::RestartRuleAction,
    state::{Class, Container, Sandbox},
    status::{Condition, Phase, Truth},
    time::Timestamp,
    transition::Label,
};

/// Reason of everything that is not known while the runtime is out of reach.
pub(crate) const NODE_LOST: &str = "NodeLost";

struct Draft {
    kind: &'static str,
    status: bool,
    reason: &'static str,
    message: String,
}

impl Draft {
    const fn yes(kind: &'static str) -> Self {
        Self {
            kind,
            status: true,
            reason: "",
            message: String::new(),
        }
    }

    const fn no(kind: &'static str, reason: &'static str) -> Self {
        Self {
            kind,
            status: false,
            reason,
            message: String::new(),
        }
    }

    fn because(mut self, message: String) -> Self {
        self.message = message;
        self
    }
}

/// Names of the containers for which something holds, as Go prints them; none if there are none.
fn names(pod: &Pod, holds: impl Fn(&Container) -> bool) -> Option<String> {
    let mut list = String::new();
    for container in pod.state.containers.iter().filter(|c| holds(c)) {
        if !list.is_empty() {
            list.push(' ');
        }
        list.push_str(&container.name);
    }
    (!list.is_empty()).then_some(list)
}

fn ready_to_start(pod: &Pod) -> Draft {
    const KIND: &str = "PodReadyToStartContainers";
    match pod.state.sandbox {
        Sandbox::Ready { .. } => Draft::yes(KIND),
        _ => Draft::no(KIND, ""),
    }
}

fn initialized(pod: &Pod, phase: Phase) -> Draft {
    const KIND: &str = "Initialized";
    if phase == Phase::Succeeded {
        return Draft {
            reason: "PodCompleted",
            ..Draft::yes(KIND)
        };
    }
    let mut slots = pod.state.containers.iter();
    if slots.any(|c| c.class == Class::Main && c.attempt.is_some()) {
        return Draft::yes(KIND);
    }
    let incomplete = names(pod, |c| match c.class {
        Class::Init => !brief(pod, c).ready,
        Class::Sidecar => !brief(pod, c).started,
        Class::Main | Class::Ephemeral => false,
    });
    match incomplete {
        None => Draft::yes(KIND),
        Some(names) => Draft::no(KIND, "ContainersNotInitialized")
            .because(format!("containers with incomplete status: [{names}]")),
    }
}

fn containers_ready(pod: &Pod, phase: Phase) -> Draft {
    const KIND: &str = "ContainersReady";
    match phase {
        Phase::Succeeded => return Draft::no(KIND, "PodCompleted"),
        Phase::Failed => return Draft::no(KIND, "PodFailed"),
        Phase::Pending | Phase::Running | Phase::Unknown => {}
    }
    let counts = |c: &Container| matches!(c.class, Class::Sidecar | Class::Main);
    match names(pod, |c| counts(c) && !brief(pod, c).ready) {
        None => Draft::yes(KIND),
        Some(names) => Draft::no(KIND, "ContainersNotReady")
            .because(format!("containers with unready status: [{names}]")),
    }
}

fn ready(pod: &Pod, phase: Phase, containers_ready: &Draft) -> Draft {
    const KIND: &str = "Ready";
    if phase == Phase::Unknown {
        let message = pod
            .state
            .outage
            .as_ref()
            .map(|outage| outage.message.clone());
        return Draft::no(KIND, NODE_LOST).because(message.unwrap_or_default());
    }
    if !containers_ready.status {
        return Draft {
            kind: KIND,
            message: containers_ready.message.clone(),
            ..*containers_ready
        };
    }
    let unmet: Vec<_> = pod
        .spec
        .readiness_gates
        .iter()
        .filter_map(|gate| unmet(pod, gate))
        .collect();
    if unmet.is_empty() {
        Draft::yes(KIND)
    } else {
        Draft::no(KIND, "ReadinessGatesNotReady").because(unmet.join(", "))
    }
}

/// Why a readiness gate is not met, if so.
fn unmet(pod: &Pod, gate: &str) -> Option<String> {
    match pod.state.foreign.iter().find(|c| c.kind == gate) {
        Some(condition) if condition.status == Truth::True => None,
        Some(condition) => Some(format!(
            "the status of pod readiness gate \"{gate}\" is not \"True\", but {}",
            condition.status.as_str()
        )),
        None => Some(format!(
            "corresponding condition of pod readiness gate \"{gate}\" does not exist."
        )),
    }
}

/// Only pods that could restart all their containers at once say whether they do.
fn all_restarting(pod: &Pod, phase: Phase) -> Option<Draft> {
    const KIND: &str = "AllContainersRestarting";
    let rules = pod
        .spec
        .all_containers()
        .flat_map(|c| &c.restart_policy_rules);
    let mut actions = rules.map(|rule| rule.action);
    if !actions.any(|action| action == RestartRuleAction::RestartAllContainers) {
        return None;
    }
    Some(match phase {
        _ if pod.state.restarting_all => Draft {
            reason: "RestartAllContainersStarted",
            message: "container exited with restart policy rule".to_owned(),
            ..Draft::yes(KIND)
        },
        Phase::Succeeded => Draft::no(KIND, "PodCompleted"),
        Phase::Failed => Draft::no(KIND, "PodFailed"),
        Phase::Pending | Phase::Running | Phase::Unknown => Draft::no(KIND, ""),
    })
}

/// The conditions for `phase`; a condition keeps its time while its status stays.
pub(crate) fn conditions(pod: &Pod, phase: Phase, now: Timestamp) -> Vec<Condition> {
    let containers_ready = containers_ready(pod, phase);
    let drafts = [
        ready_to_start(pod),
        initialized(pod, phase),
        ready(pod, phase, &containers_ready),
        containers_ready,
        Draft::yes("PodScheduled"),
    ];
    let drafts = drafts.into_iter().chain(all_restarting(pod, phase));
    let known = &pod.state.observed.conditions;
    let own = drafts.map(|draft| {
        let status = Truth::from(draft.status);
        let before = known
            .iter()
            .find(|c| c.kind == draft.kind && c.status == status);
        Condition {
            kind: Label::Borrowed(draft.kind),
            status,
            reason: Label::Borrowed(draft.reason),
            message: draft.message,
            last_transition: before.map_or(now, |c| c.last_transition),
        }
    });
    pod.state.foreign.iter().cloned().chain(own).collect()
}
