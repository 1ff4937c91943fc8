//! `RestartAllContainers` (spec §4.4): every init and regular container is stopped without its
//! preStop hook, taken away, and the pod starts again from its first init container. Sandbox,
//! addresses and ephemeral containers stay.
//!
//! ```text
//! an exit matches the rule ─► all are killed ─► all wait as RestartingAllContainers ─► startup
//!                          └─── condition AllContainersRestarting is True ───┘
//! ```

use std::time::Duration;

use super::{context::Context, stop};
use crate::{
    derive::{first_rule, spec_of},
    event::EventKind,
    spec::RestartRuleAction,
    state::{Activity, Class, Container, Shown, StopReason},
    transition::Label,
};

/// Reason of a container that is taken away, waiting or terminated.
pub(super) const REASON: &str = "RestartingAllContainers";
const MESSAGE: &str = "The container is removed because RestartAllContainers in place";

/// Begins it, if the exit of the container in slot `index` asks for it: an exit of its own, so
/// that what it kills cannot begin it again.
pub(super) fn consider(cx: &mut Context<'_>, index: usize) {
    let state = &cx.pod.state;
    let container = &state.containers[index];
    let (Some(spec), Some(exit)) = (spec_of(cx.pod, container), &container.exit) else {
        return;
    };
    let rule = first_rule(spec, exit.exit.status.code);
    let asked = rule == Some(RestartRuleAction::RestartAllContainers) && exit.stopped.is_none();
    if asked && state.ending.is_none() {
        cx.pod.state.restarting_all = true;
    }
}

/// Moves it along. True if anything was done.
pub(super) fn advance(cx: &mut Context<'_>) -> bool {
    if !cx.pod.state.restarting_all {
        return false;
    }
    let mut acted = false;
    for index in 0..cx.pod.state.containers.len() {
        acted |= call_off(cx, index);
    }
    let mut all = cx.pod.state.containers.iter().filter(|c| takes_part(c));
    if acted || all.any(Container::may_run) {
        return acted;
    }
    acted = take_away(cx);
    if !acted {
        cx.pod.state.restarting_all = false;
        cx.pod.state.initialized = false;
    }
    true
}

fn takes_part(container: &Container) -> bool {
    container.class != Class::Ephemeral
}

/// Stops one container, or calls its start off. True if that was to be done.
fn call_off(cx: &mut Context<'_>, index: usize) -> bool {
    let container = &mut cx.pod.state.containers[index];
    match &container.activity {
        _ if !takes_part(container) => false,
        Activity::Pulling { .. } | Activity::Delayed { .. } => {
            container.activity = Activity::Idle;
            true
        }
        Activity::Live(instance) if instance.stop.is_none() && instance.ended.is_none() => {
            cx.container_event(index, EventKind::Normal, "Killing", "killing");
            let (reason, grace) = (StopReason::RestartAll, Duration::ZERO);
            stop::begin(cx, index, reason, grace, stop::PreStop::Skip);
            true
        }
        _ => false,
    }
}

/// Takes the ended instances away. True if there was one.
fn take_away(cx: &mut Context<'_>) -> bool {
    let mut any = false;
    for container in &mut cx.pod.state.containers {
        let part = takes_part(container);
        let Some(exit) = container.exit.as_mut().filter(|exit| part && !exit.rerun) else {
            continue;
        };
        exit.rerun = true;
        container.shown = Some(Shown {
            reason: Label::Borrowed(REASON),
            message: MESSAGE.to_owned(),
        });
        any = true;
    }
    any
}
