//! Instances: started, failed to start, ended.

use super::{Applied, context::Context, facts::slot_of, hook, probe, restart_all};
use crate::{
    Pod,
    backoff::SYNC_RETRY,
    derive::{shows_running, spec_of},
    event::EventKind,
    id::OpId,
    input::{Exit, StartFailure},
    state::{
        Activity, Class, Container, Finished, Hook, Instance, Probes, Sandbox, Shown, StopReason,
    },
    status::{Truth, exit_reason},
    time::Timestamp,
    transition::{ExitStatus, Label, Observation},
};

const UNKNOWN: &str = "ContainerStatusUnknown";
/// What is said of a container that the end of the pod finds without an end of its own.
pub(super) const NOT_LOCATED: &str =
    "The container could not be located when the pod was terminated";
/// What is said of a container that ran and is gone.
const VANISHED: &str = "The container could not be located when the pod was deleted.  The container used to be Running";
/// Bytes that the termination messages of a pod may take.
const MESSAGES: usize = 12 * 1024;

/// An instance as the runtime names it.
pub(super) struct Started<'a> {
    pub(super) attempt: u32,
    pub(super) container_id: &'a str,
    pub(super) at: Timestamp,
}

/// Asks for the start of the container in slot `index`, whose image is there.
pub(super) fn start(cx: &mut Context<'_>, index: usize) {
    let op = cx.op();
    let container = &cx.pod.state.containers[index];
    let attempt = container.attempt.map_or(0, |n| n + 1);
    let image = spec_of(cx.pod, container).map(|spec| spec.image.clone());
    cx.pod.state.containers[index].activity = Activity::Starting {
        op,
        attempt,
        image: image.unwrap_or_default(),
    };
    super::restart::stamp(cx, index);
}

pub(super) fn started(
    cx: &mut Context<'_>,
    op: OpId,
    container_id: &str,
    at: Timestamp,
) -> Applied {
    let Some(index) = slot_of(cx, op) else {
        return Applied::Nothing;
    };
    let Activity::Starting { attempt, .. } = cx.pod.state.containers[index].activity else {
        return Applied::Nothing;
    };
    live(
        cx,
        index,
        &Started {
            attempt,
            container_id,
            at,
        },
    );
    Applied::Alone
}

/// A process exists.
pub(super) fn live(cx: &mut Context<'_>, index: usize, started: &Started<'_>) {
    cx.occurred_at = Some(started.at);
    cx.container_event(index, EventKind::Normal, "Created", "Container created");
    cx.container_event(index, EventKind::Normal, "Started", "Container started");
    let post_start = hook::post_start(cx, index);
    let now = cx.now;
    let container = &mut cx.pod.state.containers[index];
    let image = match std::mem::take(&mut container.activity) {
        Activity::Starting { image, .. } => image,
        _ => String::new(),
    };
    container.attempt = Some(started.attempt);
    if post_start == Hook::None {
        container.shown = None;
    }
    container.activity = Activity::Live(Box::new(Instance {
        attempt: started.attempt,
        container_id: started.container_id.to_owned(),
        started_at: started.at,
        seen_at: now,
        image,
        post_start,
        pre_stop: Hook::None,
        probes: Probes::default(),
        stop: None,
        ended: None,
    }));
    cx.pod.state.initialized |= container.class == Class::Main;
    if container.live().is_some_and(shows_running) {
        probe::begin(cx, index);
    }
}

pub(super) fn failed(
    cx: &mut Context<'_>,
    op: OpId,
    failure: StartFailure,
    container_id: &str,
    message: &str,
) -> Applied {
    let Some(index) = slot_of(cx, op) else {
        return Applied::Nothing;
    };
    let Activity::Starting { attempt, .. } = cx.pod.state.containers[index].activity else {
        return Applied::Nothing;
    };
    if failure == StartFailure::Start {
        cx.container_event(index, EventKind::Normal, "Created", "Container created");
    }
    let text = format!("Error: {message}");
    cx.container_event(index, EventKind::Warning, "Failed", text);
    let reason = match failure {
        StartFailure::Config => "CreateContainerConfigError",
        StartFailure::Create => "CreateContainerError",
        StartFailure::Start => "RunContainerError",
    };
    let shown = Shown {
        reason: Label::Borrowed(reason),
        message: message.to_owned(),
    };
    let now = cx.now;
    let container = &mut cx.pod.state.containers[index];
    if failure == StartFailure::Start {
        // The instance existed: it counts as a start and ended with 128.
        container.attempt = Some(attempt);
        let status = ExitStatus {
            code: 128,
            signal: 0,
            oom_killed: false,
        };
        let finished = Finished {
            attempt,
            container_id: container_id.to_owned(),
            reason: Label::Borrowed("StartError"),
            started_at: Timestamp::EPOCH,
            exit: Exit {
                status,
                finished_at: now,
                message: message.to_owned(),
            },
            seen_at: now,
            stopped: None,
            rerun: false,
        };
        container.previous_exit = container.exit.replace(finished);
        container.activity = Activity::Idle;
        cx.pod.state.initialized |= container.class == Class::Main;
        restart_all::consider(cx, index);
        let will = crate::derive::will_restart(cx.pod, &cx.pod.state.containers[index]);
        cx.pod.state.containers[index].shown = will.then_some(shown);
    } else {
        container.shown = Some(shown);
        container.activity = Activity::Delayed {
            until: now + SYNC_RETRY,
        };
    }
    Applied::Alone
}

pub(super) fn exited(
    cx: &mut Context<'_>,
    name: &str,
    started: &Started<'_>,
    exit: &Exit,
    observation: Observation,
) -> Applied {
    let Some(index) = cx.pod.state.containers.iter().position(|c| c.name == name) else {
        return Applied::Nothing;
    };
    match &mut cx.pod.state.containers[index].activity {
        Activity::Live(instance) if instance.attempt == started.attempt => {
            finish(cx, index, exit.clone(), observation);
        }
        // The end overtook the answer to the start: both are recorded, one after the other.
        Activity::Starting { attempt, .. } if *attempt == started.attempt => {
            cx.observation = observation;
            live(cx, index, started);
            if let Activity::Live(instance) = &mut cx.pod.state.containers[index].activity {
                instance.ended = Some((exit.clone(), observation));
            }
        }
        _ => return Applied::Nothing,
    }
    Applied::Alone
}

/// The process of slot `index` ended.
pub(super) fn finish(cx: &mut Context<'_>, index: usize, exit: Exit, observation: Observation) {
    let now = cx.now;
    let container = &mut cx.pod.state.containers[index];
    let Activity::Live(instance) = std::mem::take(&mut container.activity) else {
        return;
    };
    let stopped = instance.stop.map(|stop| stop.reason);
    let (reason, mut exit) = judged(exit, stopped, observation);
    // The machine's clock may have been set back in between; an end before the start helps nobody.
    exit.finished_at = exit.finished_at.max(instance.started_at);
    truncate(&mut exit.message, message_limit(cx.pod));
    cx.occurred_at = Some(exit.finished_at);
    cx.observation = observation;
    // A new sandbox begins with the init containers and sidecars as if they had never run.
    let sandbox_gone = !matches!(cx.pod.state.sandbox, Sandbox::Ready { .. });
    let container = &mut cx.pod.state.containers[index];
    let of_init = matches!(container.class, Class::Init | Class::Sidecar);
    container.previous_exit = container.exit.replace(Finished {
        attempt: instance.attempt,
        container_id: instance.container_id,
        reason,
        started_at: instance.started_at,
        seen_at: match observation {
            Observation::Direct => now,
            // It ended while nobody watched, and not in the future.
            _ => exit.finished_at.min(now),
        },
        stopped,
        rerun: sandbox_gone && of_init && cx.pod.state.ending.is_none(),
        exit,
    });
    if observation != Observation::Inferred {
        restart_all::consider(cx, index);
    }
    if !crate::derive::will_restart(cx.pod, &cx.pod.state.containers[index]) {
        cx.pod.state.containers[index].shown = None;
    }
}

/// Kubernetes reason of an end, and the end as Kubernetes shows it.
fn judged(mut exit: Exit, stopped: Option<StopReason>, observation: Observation) -> (Label, Exit) {
    if observation == Observation::Inferred {
        if exit.message.is_empty() {
            VANISHED.clone_into(&mut exit.message);
        }
        return (Label::Borrowed(UNKNOWN), exit);
    }
    if stopped == Some(StopReason::RestartAll) {
        exit.status.code = 137;
        return (Label::Borrowed(restart_all::REASON), exit);
    }
    (exit_reason(&exit), exit)
}

/// Share of one container in what the termination messages of a pod may take.
fn message_limit(pod: &Pod) -> usize {
    MESSAGES / pod.state.containers.len().max(1)
}

fn truncate(message: &mut String, limit: usize) {
    let end = (0..=limit.min(message.len())).rev();
    let end = end.into_iter().find(|end| message.is_char_boundary(*end));
    message.truncate(end.unwrap_or(0));
}

/// At the end of the pod: what it still shows as waiting is accounted for, in a pod that was
/// initialized and among the init containers that had their turn (kubelet `TerminatePod`).
pub(super) fn account(cx: &mut Context<'_>) {
    let pod = &*cx.pod;
    let is_init = |c: &Container| matches!(c.class, Class::Init | Class::Sidecar);
    let inits = pod.state.containers.iter().filter(|c| is_init(c)).count();
    let had_turn = pod.state.containers[..inits]
        .iter()
        .rposition(|c| c.exit.is_some());
    let initialized = inits == 0 || was_initialized(pod);
    for index in 0..pod.state.containers.len() {
        let container = &mut cx.pod.state.containers[index];
        let due = match container.class {
            Class::Init | Class::Sidecar => had_turn.is_some_and(|last| index <= last),
            Class::Main => initialized,
            Class::Ephemeral => false,
        };
        if due && container.exit.is_none() {
            container.exit = Some(never_found());
            container.shown = None;
        }
    }
}

fn was_initialized(pod: &Pod) -> bool {
    let condition = pod.state.observed.conditions.iter();
    let mut initialized = condition.filter(|c| c.kind == "Initialized");
    initialized.any(|c| c.status == Truth::True)
}

fn never_found() -> Finished {
    let status = ExitStatus {
        code: 137,
        ..ExitStatus::default()
    };
    Finished {
        attempt: 0,
        container_id: String::new(),
        reason: Label::Borrowed(UNKNOWN),
        started_at: Timestamp::EPOCH,
        exit: Exit {
            status,
            finished_at: Timestamp::EPOCH,
            message: NOT_LOCATED.to_owned(),
        },
        seen_at: Timestamp::EPOCH,
        stopped: None,
        rerun: false,
    }
}
