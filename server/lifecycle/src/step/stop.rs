//! Stopping containers: preStop inside the grace period, sidecars in their order, stop signal,
//! SIGKILL (spec §5, §7.2, §7.3). All hooks start together; only the signals are ordered.

use std::time::Duration;

use super::context::Context;
use crate::{
    derive::spec_of,
    event::EventKind,
    state::{Activity, Class, Container, Hook, Stop, StopReason, StopStage},
    time::Timestamp,
    transition::CauseKind,
};

/// The least time between the stop signal and SIGKILL.
const MINIMUM: Duration = Duration::from_secs(2);
/// SIGKILL is repeated after this time, should the process still be there.
const REPEAT_KILL: Duration = Duration::from_secs(5);

/// What becomes of the preStop hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PreStop {
    /// It runs, within the grace period.
    Run,
    /// It does not: there is no grace.
    Skip,
}

/// Stops what runs, calls off what has not started yet. True if anything was done.
pub(super) fn advance(cx: &mut Context<'_>) -> bool {
    let grace = cx.pod.state.ending.map_or(1, |ending| ending.grace);
    let grace = Duration::from_secs(grace.into());
    let mut acted = advance_stopping(cx);
    for index in 0..cx.pod.state.containers.len() {
        let container = &cx.pod.state.containers[index];
        match &container.activity {
            Activity::Pulling { .. } | Activity::Delayed { .. } => {
                cx.pod.state.containers[index].activity = Activity::Idle;
                acted = true;
            }
            Activity::Live(instance) if instance.stop.is_none() => {
                let message = format!("Stopping container {}", container.name);
                cx.container_event(index, EventKind::Normal, "Killing", message);
                begin(cx, index, StopReason::PodEnding, grace, PreStop::Run);
                acted = true;
            }
            _ => {}
        }
    }
    acted
}

/// Whether others stop before the container in slot `index`: sidecars stop after all regular
/// containers, in reverse order. What does not run is not waited for.
fn has_to_wait(cx: &Context<'_>, index: usize) -> bool {
    let containers = &cx.pod.state.containers;
    let ends = stop_of(&containers[index]).is_some_and(|s| s.reason == StopReason::PodEnding);
    let mut before = containers[index + 1..]
        .iter()
        .filter(|c| matches!(c.class, Class::Sidecar | Class::Main));
    ends && containers[index].class == Class::Sidecar && before.any(Container::may_run)
}

/// Moves stops along whose time or turn has come.
pub(super) fn advance_stopping(cx: &mut Context<'_>) -> bool {
    let mut acted = false;
    for index in 0..cx.pod.state.containers.len() {
        let Some(stop) = stop_of(&cx.pod.state.containers[index]).cloned() else {
            continue;
        };
        if stop.stage == StopStage::Ordered && !has_to_wait(cx, index) {
            signal(cx, index);
            acted = true;
        } else if cx.now >= stop.deadline {
            cx.because(CauseKind::GracePeriod);
            expired(cx, index, &stop.stage);
            acted = true;
        }
    }
    acted
}

/// The time of a stage has run out.
fn expired(cx: &mut Context<'_>, index: usize, stage: &StopStage) {
    match stage {
        // The hook is left to itself; there is no time left to wait for others either.
        StopStage::PreStop => {
            set_hook(cx, index, Hook::Failed);
            signal(cx, index);
        }
        StopStage::Ordered => signal(cx, index),
        StopStage::Signalled { .. } | StopStage::Killed { .. } => kill(cx, index),
    }
}

fn stop_of(container: &Container) -> Option<&Stop> {
    container.live().and_then(|instance| instance.stop.as_ref())
}

/// Begins to stop the process of slot `index`: its preStop hook, or the signal at once.
pub(super) fn begin(
    cx: &mut Context<'_>,
    index: usize,
    reason: StopReason,
    grace: Duration,
    pre_stop: PreStop,
) {
    let now = cx.now;
    let container = &cx.pod.state.containers[index];
    let has_hook = pre_stop == PreStop::Run
        && spec_of(cx.pod, container).is_some_and(|spec| spec.lifecycle.pre_stop.is_some());
    let hook = if has_hook {
        Hook::Running { op: cx.op() }
    } else {
        Hook::None
    };
    let Activity::Live(instance) = &mut cx.pod.state.containers[index].activity else {
        return;
    };
    // A postStart hook that still runs is called off: a hung hook must not block the end.
    if matches!(instance.post_start, Hook::Running { .. }) {
        instance.post_start = Hook::Failed;
    }
    instance.pre_stop = hook;
    instance.stop = Some(Stop {
        reason,
        began_at: now,
        deadline: now + grace,
        stage: StopStage::PreStop,
    });
    if !has_hook {
        signal_in_turn(cx, index);
    }
}

/// The preStop hook has returned, one way or the other.
pub(super) fn hook_done(cx: &mut Context<'_>, index: usize, hook: Hook) {
    set_hook(cx, index, hook);
    signal_in_turn(cx, index);
}

fn set_hook(cx: &mut Context<'_>, index: usize, hook: Hook) {
    if let Activity::Live(instance) = &mut cx.pod.state.containers[index].activity {
        instance.pre_stop = hook;
    }
}

fn signal_in_turn(cx: &mut Context<'_>, index: usize) {
    if has_to_wait(cx, index) {
        set_stage(cx, index, StopStage::Ordered, |stop| stop.deadline);
    } else {
        signal(cx, index);
    }
}

fn signal(cx: &mut Context<'_>, index: usize) {
    let op = cx.op();
    let now = cx.now;
    set_stage(cx, index, StopStage::Signalled { op }, |stop| {
        stop.deadline.max(now + MINIMUM)
    });
}

fn kill(cx: &mut Context<'_>, index: usize) {
    let op = cx.op();
    let now = cx.now;
    set_stage(cx, index, StopStage::Killed { op }, |_| now + REPEAT_KILL);
}

fn set_stage(
    cx: &mut Context<'_>,
    index: usize,
    stage: StopStage,
    deadline: impl Fn(&Stop) -> Timestamp,
) {
    if let Activity::Live(instance) = &mut cx.pod.state.containers[index].activity
        && let Some(stop) = &mut instance.stop
    {
        stop.deadline = deadline(stop);
        stop.stage = stage;
    }
}

/// Applies a shorter grace period to the stops under way.
pub(super) fn shorten(cx: &mut Context<'_>, grace: u32) {
    let now = cx.now;
    for container in &mut cx.pod.state.containers {
        let Activity::Live(instance) = &mut container.activity else {
            continue;
        };
        let Some(stop) = &mut instance.stop else {
            continue;
        };
        let earlier = stop.began_at + Duration::from_secs(grace.into());
        match stop.stage {
            StopStage::PreStop | StopStage::Ordered => {
                stop.deadline = stop.deadline.min(earlier.max(now));
            }
            StopStage::Signalled { .. } => {
                stop.deadline = stop.deadline.min(earlier.max(now + MINIMUM));
            }
            StopStage::Killed { .. } => {}
        }
    }
}
