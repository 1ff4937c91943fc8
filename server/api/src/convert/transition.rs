//! The entries of the journal, as clients read them.

use lifepod_lifecycle::{
    Pod,
    port::Record,
    state::{Class, Container},
    transition::{self as rules, CauseKind, HookKind, Observation, ProbeKind, Subject},
};
use lifepod_proto::v1 as proto;
use proto::transition_subject::Subject as Wire;

use super::{meta::reference, status::container_id, time};

/// All transitions of a record, in order.
pub(crate) fn all(record: &Record) -> Vec<proto::Transition> {
    let numbered = record.transitions.iter().enumerate();
    numbered
        .map(|(index, transition)| one(record, index, transition))
        .collect()
}

/// One transition of a record.
pub(crate) fn one(
    record: &Record,
    index: usize,
    transition: &rules::Transition,
) -> proto::Transition {
    proto::Transition {
        revision: record.revision.0,
        index: u32::try_from(index).unwrap_or(u32::MAX),
        pod: Some(reference(&record.pod)),
        subject: Some(proto::TransitionSubject {
            subject: Some(subject(&record.pod, &transition.subject)),
        }),
        from: transition.from.to_string(),
        to: transition.to.to_string(),
        reason: transition.reason.to_string(),
        message: transition.message.clone(),
        exit: transition.exit.as_ref().map(exit),
        cause: Some(cause(&transition.cause)),
        occurred_at: Some(time::exact(transition.occurred_at)),
        committed_at: Some(time::exact(record.committed_at)),
        observation: observation(transition.observation).into(),
    }
}

pub(crate) const fn exit(status: &rules::ExitStatus) -> proto::ExitInfo {
    proto::ExitInfo {
        code: status.code,
        signal: status.signal,
        oom_killed: status.oom_killed,
    }
}

fn subject(pod: &Pod, subject: &Subject) -> Wire {
    let slot = |name: &str| pod.state().containers.iter().find(|c| c.name == name);
    match subject {
        Subject::Object => Wire::Object(proto::ObjectSubject {}),
        Subject::Phase => Wire::Phase(proto::PhaseSubject {}),
        Subject::Condition { kind } => Wire::Condition(proto::ConditionSubject {
            r#type: kind.to_string(),
        }),
        Subject::Spec { fields } => Wire::Spec(proto::SpecSubject {
            fields: fields.clone(),
        }),
        Subject::Sandbox => Wire::Sandbox(proto::SandboxSubject {
            attempt: pod.state().sandbox_attempt,
        }),
        Subject::Image { container } => Wire::Image(proto::ImageSubject {
            reference: image_of(pod, container),
            container: container.clone(),
        }),
        Subject::Container { container, attempt } => {
            Wire::Container(container_subject(slot(container), container, *attempt))
        }
        Subject::Hook {
            container,
            attempt,
            hook,
        } => Wire::Hook(proto::HookSubject {
            container: container.clone(),
            attempt: *attempt,
            kind: match hook {
                HookKind::PostStart => proto::HookKind::PostStart.into(),
                HookKind::PreStop => proto::HookKind::PreStop.into(),
            },
        }),
        Subject::Probe {
            container,
            attempt,
            probe,
        } => Wire::Probe(proto::ProbeSubject {
            container: container.clone(),
            attempt: *attempt,
            kind: match probe {
                ProbeKind::Startup => proto::ProbeKind::Startup.into(),
                ProbeKind::Liveness => proto::ProbeKind::Liveness.into(),
                ProbeKind::Readiness => proto::ProbeKind::Readiness.into(),
            },
        }),
    }
}

fn image_of(pod: &Pod, container: &str) -> String {
    let mut all = pod.spec.all_containers();
    let spec = all.find(|spec| spec.name == container);
    spec.map(|spec| spec.image.clone()).unwrap_or_default()
}

fn container_subject(
    slot: Option<&Container>,
    name: &str,
    attempt: u32,
) -> proto::ContainerSubject {
    let kind = match slot.map(|slot| slot.class) {
        Some(Class::Init) => proto::ContainerKind::Init,
        Some(Class::Sidecar) => proto::ContainerKind::Sidecar,
        Some(Class::Ephemeral) => proto::ContainerKind::Ephemeral,
        Some(Class::Main) | None => proto::ContainerKind::Regular,
    };
    proto::ContainerSubject {
        name: name.to_owned(),
        kind: kind.into(),
        attempt,
        container_id: slot
            .and_then(|slot| instance_id(slot, attempt))
            .map(container_id)
            .unwrap_or_default(),
    }
}

/// Id of one start of a container, as long as the pod remembers it.
fn instance_id(slot: &Container, attempt: u32) -> Option<&str> {
    let live = slot.live().filter(|instance| instance.attempt == attempt);
    if let Some(instance) = live {
        return Some(&instance.container_id);
    }
    let finished = [&slot.exit, &slot.previous_exit].into_iter().flatten();
    let mut of_attempt = finished.filter(|finished| finished.attempt == attempt);
    of_attempt
        .next()
        .map(|finished| finished.container_id.as_str())
}

fn cause(cause: &rules::Cause) -> proto::Cause {
    let kind = match cause.kind {
        CauseKind::Request => proto::CauseKind::Request,
        CauseKind::Rule => proto::CauseKind::Rule,
        CauseKind::ContainerExit => proto::CauseKind::ContainerExit,
        CauseKind::Runtime => proto::CauseKind::Runtime,
        CauseKind::Hook => proto::CauseKind::Hook,
        CauseKind::Probe => proto::CauseKind::Probe,
        CauseKind::BackOff => proto::CauseKind::BackOff,
        CauseKind::GracePeriod => proto::CauseKind::GracePeriod,
        CauseKind::Deadline => proto::CauseKind::Deadline,
        CauseKind::Recovery => proto::CauseKind::Recovery,
    };
    proto::Cause {
        kind: kind.into(),
        actor: cause.actor.clone(),
        request_id: cause.request_id.clone(),
    }
}

const fn observation(observation: Observation) -> proto::Observation {
    match observation {
        Observation::Direct => proto::Observation::Direct,
        Observation::RecoveredAfterRestart => proto::Observation::RecoveredAfterRestart,
        Observation::Inferred => proto::Observation::Inferred,
    }
}

/// The word by which requests name a kind of subject.
pub(crate) const fn word(subject: &Subject) -> &'static str {
    match subject {
        Subject::Object => "object",
        Subject::Phase => "phase",
        Subject::Condition { .. } => "condition",
        Subject::Sandbox => "sandbox",
        Subject::Image { .. } => "image",
        Subject::Container { .. } => "container",
        Subject::Hook { .. } => "hook",
        Subject::Probe { .. } => "probe",
        Subject::Spec { .. } => "spec",
    }
}

/// Every word of [`word`].
pub(crate) const WORDS: [&str; 9] = [
    "object",
    "phase",
    "condition",
    "sandbox",
    "image",
    "container",
    "hook",
    "probe",
    "spec",
];

/// The container a subject belongs to.
pub(crate) fn container_of(subject: &Subject) -> Option<&str> {
    match subject {
        Subject::Image { container }
        | Subject::Container { container, .. }
        | Subject::Hook { container, .. }
        | Subject::Probe { container, .. } => Some(container),
        Subject::Object
        | Subject::Phase
        | Subject::Condition { .. }
        | Subject::Spec { .. }
        | Subject::Sandbox => None,
    }
}
