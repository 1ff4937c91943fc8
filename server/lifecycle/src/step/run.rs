//! Instances: started, failed to start, ended.

use super::{Applied, context::Context, facts::slot_of, hook};
use crate::{
    backoff::SYNC_RETRY,
    derive::spec_of,
    event::EventKind,
    id::OpId,
    input::{Exit, StartFailure},
    state::{Activity, Class, Finished, Hook, Instance, Probes, Shown},
    status::exit_reason,
    time::Timestamp,
    transition::{ExitStatus, Label, Observation},
};

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
    container.activity = Activity::Live(Instance {
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
    });
    cx.pod.state.initialized |= container.class == Class::Main;
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
    cx.container_event(
        index,
        EventKind::Warning,
        "Failed",
        format!("Error: {message}"),
    );
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
    // The machine's clock may have been set back in between; an end before the start helps nobody.
    let finished_at = exit.finished_at.max(instance.started_at);
    let exit = Exit {
        finished_at,
        ..exit
    };
    let lost = observation == Observation::Inferred;
    let reason = if lost {
        Label::Borrowed("ContainerStatusUnknown")
    } else {
        exit_reason(&exit)
    };
    cx.occurred_at = Some(exit.finished_at);
    cx.observation = observation;
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
        stopped: instance.stop.map(|stop| stop.reason),
        rerun: false,
        exit,
    });
    if !crate::derive::will_restart(cx.pod, &cx.pod.state.containers[index]) {
        cx.pod.state.containers[index].shown = None;
    }
}
