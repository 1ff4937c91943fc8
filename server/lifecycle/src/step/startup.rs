//! Which container starts next (spec §4.2, §8): init containers one after the other, then the
//! regular ones in order, each start waiting for the one before it.

use super::{context::Context, images, restart};
use crate::{
    derive::restartable,
    state::{Activity, Class, Container, Sandbox},
    transition::CauseKind,
};

/// What the scan found at one container.
enum Found {
    /// Done or running: look at the next.
    Pass,
    /// Nothing can be done for it now: look at the next, if its class allows.
    Hold,
    /// A start is in progress: later containers wait.
    Busy,
    /// Something was done.
    Acted,
}

/// Starts what may start. True if anything was done.
pub(super) fn advance(cx: &mut Context<'_>) -> bool {
    if !matches!(cx.pod.state.sandbox, Sandbox::Ready { .. }) {
        return false;
    }
    for index in 0..cx.pod.state.containers.len() {
        let class = cx.pod.state.containers[index].class;
        if class == Class::Init && cx.pod.state.initialized {
            continue;
        }
        match visit(cx, index) {
            Found::Acted => return true,
            Found::Busy => return false,
            Found::Hold if class != Class::Main && !cx.pod.state.initialized => return false,
            Found::Pass | Found::Hold => {}
        }
    }
    false
}

fn visit(cx: &mut Context<'_>, index: usize) -> Found {
    let container = &cx.pod.state.containers[index];
    if container.is_starting() {
        return Found::Busy;
    }
    match container.activity {
        Activity::Live(_) if container.class == Class::Init => Found::Hold,
        Activity::Live(_) => Found::Pass,
        Activity::Delayed { until } if cx.now < until => {
            if images::back_off(cx, index) { Found::Acted } else { Found::Hold }
        }
        Activity::Delayed { .. } => {
            cx.because(CauseKind::BackOff);
            images::ensure(cx, index);
            Found::Acted
        }
        Activity::Idle => idle(cx, index),
        Activity::Pulling { .. } | Activity::Starting { .. } => Found::Busy,
    }
}

fn idle(cx: &mut Context<'_>, index: usize) -> Found {
    let container = &cx.pod.state.containers[index];
    if is_done(cx, container) {
        return Found::Pass;
    }
    if restart::may_start(cx, index) {
        images::ensure(cx, index);
    }
    Found::Acted
}

/// It ended and is not to run again.
fn is_done(cx: &Context<'_>, container: &Container) -> bool {
    container.exit.as_ref().is_some_and(|exit| !restartable(cx.pod, container, exit.exit.status.code))
}
