//! When the pod is done, and when an exited container starts again (spec §4.1, §4.2, §7.5).

use super::{command::end_pod, context::Context};
use crate::{
    backoff::CrashBackoff,
    event::EventKind,
    state::{Activity, Class, Container, EndReason, Shown, StopReason},
    time::{Timestamp, go_duration},
    transition::{CauseKind, Label},
};

pub(super) fn grace(cx: &Context<'_>) -> u32 {
    u32::try_from(cx.pod.grace_period().as_secs()).unwrap_or(u32::MAX)
}

/// `activeDeadlineSeconds`.
pub(super) fn deadline(cx: &mut Context<'_>) {
    let state = &cx.pod.state;
    let (Some(start), Some(limit), None) =
        (state.start_time, cx.pod.spec.active_deadline, state.ending)
    else {
        return;
    };
    if cx.now >= start + limit && !state.observed.phase.is_terminal() {
        cx.because(CauseKind::Deadline);
        cx.event(
            "DeadlineExceeded",
            "Pod was active on the node longer than the specified deadline",
        );
        end_pod(cx, EndReason::DeadlineExceeded, grace(cx));
    }
}

/// A container that will never run again.
fn is_final(cx: &Context<'_>, container: &Container) -> bool {
    let idle = !container.may_run() && !matches!(container.activity, Activity::Pulling { .. });
    idle && super::startup::is_done(cx, container)
}

/// Every regular container is done, or an init container failed for good: the pod ends.
pub(super) fn completion(cx: &mut Context<'_>) {
    let state = &cx.pod.state;
    if state.ending.is_some() || state.restarting_all {
        return;
    }
    let failed_init = state.containers.iter().any(|c| {
        c.class == Class::Init
            && is_final(cx, c)
            && c.exit.as_ref().is_some_and(|e| e.exit.status.code != 0)
    });
    let done = state
        .containers
        .iter()
        .filter(|c| c.class == Class::Main)
        .all(|c| is_final(cx, c));
    if failed_init || done {
        end_pod(cx, EndReason::Completed, grace(cx));
    }
}

/// The end from which the next start of a container is counted, if it has to be counted at all.
///
/// What a probe killed starts again in the pass that killed it, which still knew the end before
/// that one: only when it lived shorter than its back-off does it wait, and then from its own end.
fn counted_from(container: &Container) -> Option<Timestamp> {
    let exit = container.exit.as_ref().filter(|exit| !exit.rerun)?;
    let by_probe = matches!(
        exit.stopped,
        Some(StopReason::StartupFailed | StopReason::LivenessFailed)
    );
    if !by_probe {
        return Some(exit.seen_at);
    }
    let before = container.previous_exit.as_ref()?.seen_at;
    let outlived = exit.seen_at >= CrashBackoff::due(container.crash, before);
    Some(if outlived { before } else { exit.seen_at })
}

/// Books the start of an exited container in its back-off.
pub(super) fn stamp(cx: &mut Context<'_>, index: usize) {
    let (now, max) = (cx.now, cx.settings.max_restart_delay);
    let container = &mut cx.pod.state.containers[index];
    if let Some(ended) = counted_from(container) {
        container.crash = Some(CrashBackoff::advanced(container.crash, ended, now, max));
    }
}

/// Holds back an exited container whose back-off has not run out, and says so at once.
/// True if it was not said before.
pub(super) fn back_off(cx: &mut Context<'_>, index: usize) -> bool {
    let container = &cx.pod.state.containers[index];
    if container.activity != Activity::Idle || super::startup::is_done(cx, container) {
        return false;
    }
    let Some(ended) = counted_from(container) else {
        return false;
    };
    let due = CrashBackoff::due(container.crash, ended);
    if cx.now >= due {
        return false;
    }
    let delay = container
        .crash
        .map_or_else(Default::default, |entry| entry.delay);
    let (name, key, uid) = (
        container.name.clone(),
        cx.pod.meta.key.clone(),
        cx.pod.meta.uid.clone(),
    );
    let pod = format!("{}_{}({uid})", key.name, key.namespace);
    let message = format!(
        "back-off {} restarting failed container={name} pod={pod}",
        go_duration(delay)
    );
    let container = &mut cx.pod.state.containers[index];
    container.activity = Activity::Delayed { until: due };
    container.shown = Some(Shown {
        reason: Label::Borrowed("CrashLoopBackOff"),
        message,
    });
    let text = format!("Back-off restarting failed container {name} in pod {pod}");
    cx.container_event(index, EventKind::Warning, "BackOff", text);
    true
}
