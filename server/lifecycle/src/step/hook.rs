//! postStart and preStop (spec §5).

use super::{Applied, context::Context, facts::slot_of, probe, stop};
use crate::{
    derive::spec_of,
    event::EventKind,
    id::OpId,
    input::Outcome,
    spec::Handler,
    state::{Activity, Hook, Shown, StopReason},
    transition::Label,
};

/// The postStart hook of a container that has just started.
pub(super) fn post_start(cx: &mut Context<'_>, index: usize) -> Hook {
    let container = &cx.pod.state.containers[index];
    let wanted = spec_of(cx.pod, container).is_some_and(|spec| spec.lifecycle.post_start.is_some());
    if wanted {
        Hook::Running { op: cx.op() }
    } else {
        Hook::None
    }
}

pub(super) fn finished(cx: &mut Context<'_>, op: OpId, outcome: &Outcome) -> Applied {
    let Some(index) = slot_of(cx, op) else {
        return Applied::Nothing;
    };
    let Activity::Live(instance) = &cx.pod.state.containers[index].activity else {
        return Applied::Nothing;
    };
    let post_start = instance.post_start == (Hook::Running { op });
    if let Outcome::Warning { message } = outcome {
        cx.warning("LifecycleHTTPFallback", message);
    }
    match (post_start, failure(outcome)) {
        (true, None) => post_start_succeeded(cx, index),
        (true, Some(message)) => post_start_failed(cx, index, message),
        (false, None) => stop::hook_done(cx, index, Hook::Succeeded),
        (false, Some(_)) => {
            cx.container_event(
                index,
                EventKind::Warning,
                "FailedPreStopHook",
                "PreStopHook failed",
            );
            stop::hook_done(cx, index, Hook::Failed);
        }
    }
    Applied::Alone
}

fn failure(outcome: &Outcome) -> Option<&str> {
    match outcome {
        Outcome::Success | Outcome::Warning { .. } => None,
        Outcome::Failure { message } | Outcome::Error { message } => Some(message),
    }
}

fn post_start_succeeded(cx: &mut Context<'_>, index: usize) {
    let container = &mut cx.pod.state.containers[index];
    container.shown = None;
    if let Activity::Live(instance) = &mut container.activity {
        instance.post_start = Hook::Succeeded;
    }
    probe::begin(cx, index);
}

fn post_start_failed(cx: &mut Context<'_>, index: usize, message: &str) {
    cx.container_event(
        index,
        EventKind::Warning,
        "FailedPostStartHook",
        "PostStartHook failed",
    );
    cx.container_event(index, EventKind::Normal, "Killing", "FailedPostStartHook");
    let text = failure_text(cx, index, message);
    let container = &mut cx.pod.state.containers[index];
    container.shown = Some(Shown {
        reason: Label::Borrowed("PostStartHookError"),
        message: text,
    });
    if let Activity::Live(instance) = &mut container.activity {
        instance.post_start = Hook::Failed;
    }
    let grace = cx.pod.grace_period();
    let reason = StopReason::PostStartFailed;
    stop::begin(cx, index, reason, grace, stop::PreStop::Run);
}

/// The kubelet's text of a failed hook.
fn failure_text(cx: &Context<'_>, index: usize, message: &str) -> String {
    let container = &cx.pod.state.containers[index];
    let key = &cx.pod.meta.key;
    let pod = format!("{}_{}({})", key.name, key.namespace, cx.pod.meta.uid);
    let handler = spec_of(cx.pod, container).and_then(|spec| spec.lifecycle.post_start.as_ref());
    let what = match handler {
        Some(Handler::Exec { command }) => format!("Exec lifecycle hook ([{}])", command.join(" ")),
        Some(Handler::HttpGet(get)) => format!("HTTP lifecycle hook ({})", get.path),
        _ => "lifecycle hook".to_owned(),
    };
    format!(
        "{what} for Container \"{}\" in Pod \"{pod}\" failed - {message}",
        container.name
    )
}
