//! The chains of states that transitions belong to.

use crate::proto::{Transition, transition_subject::Subject};

/// Names the chain of states a transition belongs to, for example `container web`. A container's goes on over its
/// attempts, that of a hook or probe belongs to one of them.
#[must_use]
pub fn subject_key(transition: &Transition) -> String {
    subject_of(transition).map_or_else(String::new, key)
}

pub(super) fn subject_of(transition: &Transition) -> Option<&Subject> {
    transition.subject.as_ref()?.subject.as_ref()
}

pub(super) fn key(subject: &Subject) -> String {
    match subject {
        Subject::Object(_) => "object".to_owned(),
        Subject::Phase(_) => "phase".to_owned(),
        Subject::Condition(condition) => format!("condition {}", condition.r#type),
        Subject::Sandbox(_) => "sandbox".to_owned(),
        Subject::Image(image) => format!("image of {}", image.container),
        Subject::Container(container) => format!("container {}", container.name),
        Subject::Hook(hook) => {
            let (kind, of) = (hook.kind(), &hook.container);
            format!("{kind:?} of {of} attempt {}", hook.attempt)
        }
        Subject::Probe(probe) => {
            let (kind, of) = (probe.kind(), &probe.container);
            format!("{kind:?} of {of} attempt {}", probe.attempt)
        }
        Subject::Spec(_) => "spec".to_owned(),
    }
}

/// What a subject that was never told of may begin with.
pub(super) fn is_origin(subject: &Subject, from: &str) -> bool {
    match subject {
        Subject::Sandbox(_) => from == "Absent",
        // The generation a pod is created with.
        Subject::Spec(_) => from == "1",
        // Nothing is known before the first threshold is reached.
        Subject::Probe(_) => from == "Unknown",
        _ => from.is_empty(),
    }
}
