//! What can be waited for.

use lifepod_lifecycle::{
    Pod,
    port::Record,
    status::{ContainerState, PodStatus, Truth},
    transition::{Subject, Transition},
    validate::Violations,
};
use lifepod_proto::v1 as proto;
use proto::{ConditionStatus, ContainerStateKind, wait_condition::Condition};

use crate::{
    convert::{status::phase, transition},
    error::{ApiError, Result},
};

const MAX_CONDITIONS: usize = 16;

/// Why nothing that is waited for can come true any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doom {
    PodTerminal,
    PodDeleted,
    UidReplaced,
}

impl Doom {
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::PodTerminal => "PodTerminal",
            Self::PodDeleted => "PodDeleted",
            Self::UidReplaced => "UidReplaced",
        }
    }

    pub(super) const fn message(self) -> &'static str {
        match self {
            Self::PodTerminal => "the pod has ended, and its containers will not start again",
            Self::PodDeleted => "the pod has been removed",
            Self::UidReplaced => "the name belongs to another pod now",
        }
    }
}

/// Any of these will do.
pub(super) struct Conditions(Vec<Condition>);

impl Conditions {
    /// # Errors
    /// `VALIDATION_FAILED` with every violation.
    pub(super) fn parse(given: Vec<proto::WaitCondition>) -> Result<Self> {
        let mut v = Violations::default();
        if given.is_empty() {
            v.required("anyOf", "");
        }
        if given.len() > MAX_CONDITIONS {
            let detail = format!("must have at most {MAX_CONDITIONS} items");
            v.invalid("anyOf", given.len(), &detail);
        }
        let mut conditions = Vec::new();
        for (index, one) in given.into_iter().enumerate() {
            match one.condition {
                Some(condition) => {
                    check(&format!("anyOf[{index}]"), &condition, &mut v);
                    conditions.push(condition);
                }
                None => v.required(format!("anyOf[{index}]"), "must specify a condition"),
            }
        }
        if v.is_empty() {
            Ok(Self(conditions))
        } else {
            Err(ApiError::fields("WaitPodRequest", v))
        }
    }

    /// Index of the first condition that holds of the pod, or of there being none.
    pub(super) fn met_by(&self, pod: Option<&Pod>) -> Option<usize> {
        let status = pod.map(Pod::status);
        self.0
            .iter()
            .position(|condition| match (condition, &status) {
                (Condition::Deleted(_), None) | (Condition::Created(_), Some(_)) => true,
                (condition, Some(status)) => holds(condition, status),
                (_, None) => false,
            })
    }

    /// Whether a pod that exists can meet none of them any more.
    pub(super) fn doomed(&self, pod: &Pod) -> Option<Doom> {
        let terminal = pod.state().observed.phase.is_terminal();
        let hopeless = |condition: &Condition| match condition {
            Condition::Phase(_) | Condition::ContainerState(_) => true,
            // A condition may still turn false while the pod is cleaned up.
            Condition::PodCondition(wanted) => wanted.status() != ConditionStatus::False,
            Condition::Deleted(_) | Condition::Created(_) => false,
        };
        (terminal && self.0.iter().all(hopeless)).then_some(Doom::PodTerminal)
    }

    /// Whether one may come true with another pod of the name.
    pub(super) fn outlive_the_pod(&self, uid: &str) -> bool {
        let created = |condition: &Condition| matches!(condition, Condition::Created(_));
        uid.is_empty() && self.0.iter().any(created)
    }

    /// The transition of a record that made a condition true.
    pub(super) fn transition(&self, index: usize, record: &Record) -> Option<proto::Transition> {
        let condition = self.0.get(index)?;
        let numbered = record.transitions.iter().enumerate();
        let mut about = numbered.filter(|(_, transition)| is_about(condition, transition));
        about
            .next_back()
            .map(|(index, found)| transition::one(record, index, found))
    }
}

fn check(path: &str, condition: &Condition, v: &mut Violations) {
    match condition {
        Condition::Phase(given) => {
            let unspecified = proto::PodPhase::Unspecified as i32;
            if proto::PodPhase::try_from(*given).is_err() || *given == unspecified {
                let known = ["Failed", "Pending", "Running", "Succeeded", "Unknown"];
                v.not_supported(format!("{path}.phase"), given, &known);
            }
        }
        Condition::PodCondition(wanted) if wanted.r#type.is_empty() => {
            v.required(format!("{path}.podCondition.type"), "");
        }
        Condition::ContainerState(wanted) => {
            if wanted.container.is_empty() {
                v.required(format!("{path}.containerState.container"), "");
            }
            if wanted.state() == ContainerStateKind::Unspecified {
                let path = format!("{path}.containerState.state");
                v.not_supported(path, wanted.state, &["Running", "Terminated", "Waiting"]);
            }
        }
        Condition::PodCondition(_) | Condition::Deleted(_) | Condition::Created(_) => {}
    }
}

fn holds(condition: &Condition, status: &PodStatus) -> bool {
    match condition {
        Condition::Phase(wanted) => phase(status.phase) as i32 == *wanted,
        Condition::PodCondition(wanted) => {
            let mut of_type = status.conditions.iter().filter(|c| c.kind == wanted.r#type);
            let is = of_type.next().map(|c| c.status);
            match wanted.status() {
                ConditionStatus::True | ConditionStatus::Unspecified => is == Some(Truth::True),
                ConditionStatus::False => is == Some(Truth::False),
                ConditionStatus::Unknown => is == Some(Truth::Unknown),
            }
        }
        Condition::ContainerState(wanted) => {
            let all = status.init_containers.iter().chain(&status.containers);
            let mut all = all.chain(&status.ephemeral_containers);
            let found = all.find(|container| container.name == wanted.container);
            found.is_some_and(|container| state_holds(wanted, &container.state))
        }
        Condition::Deleted(_) | Condition::Created(_) => false,
    }
}

fn state_holds(wanted: &proto::ContainerStateWait, state: &ContainerState) -> bool {
    let (kind, reason) = match state {
        ContainerState::Waiting { reason, .. } => (ContainerStateKind::Waiting, &**reason),
        ContainerState::Running { .. } => (ContainerStateKind::Running, ""),
        ContainerState::Terminated(finished) => (ContainerStateKind::Terminated, &*finished.reason),
    };
    wanted.state() == kind && (wanted.reason.is_empty() || wanted.reason == reason)
}

fn is_about(condition: &Condition, transition: &Transition) -> bool {
    match (condition, &transition.subject) {
        (Condition::Phase(_), Subject::Phase) => true,
        (Condition::PodCondition(wanted), Subject::Condition { kind }) => *kind == wanted.r#type,
        (Condition::ContainerState(wanted), Subject::Container { container, .. }) => {
            *container == wanted.container
        }
        (Condition::Deleted(_), Subject::Object) => transition.to == "Deleted",
        (Condition::Created(_), Subject::Object) => transition.to == "Created",
        _ => false,
    }
}
