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
    /// It has to wait: look at the next, if its class allows.
    Hold,
    /// It begins to start.
    Acted,
}

/// Publishes back-offs and starts what may start. True if anything was done.
pub(super) fn advance(cx: &mut Context<'_>) -> bool {
    if !matches!(cx.pod.state.sandbox, Sandbox::Ready { .. }) {
        return false;
    }
    let mut acted = false;
    for index in 0..cx.pod.state.containers.len() {
        acted |= images::back_off(cx, index) || restart::back_off(cx, index);
    }
    // One start at a time in the whole pod, as in one pass of the kubelet.
    if !cx.pod.state.containers.iter().any(Container::is_starting) {
        acted |= start_next(cx);
    }
    acted
}

fn start_next(cx: &mut Context<'_>) -> bool {
    for index in 0..cx.pod.state.containers.len() {
        let class = cx.pod.state.containers[index].class;
        if class == Class::Init && cx.pod.state.initialized {
            continue;
        }
        match visit(cx, index) {
            Found::Acted => return true,
            Found::Hold if class != Class::Main && !cx.pod.state.initialized => return false,
            Found::Pass | Found::Hold => {}
        }
    }
    false
}

fn visit(cx: &mut Context<'_>, index: usize) -> Found {
    let container = &cx.pod.state.containers[index];
    match container.activity {
        Activity::Live(_) if container.class == Class::Init => return Found::Hold,
        Activity::Live(_) => return Found::Pass,
        Activity::Delayed { until } if cx.now < until => return Found::Hold,
        Activity::Delayed { .. } => cx.because(CauseKind::BackOff),
        Activity::Idle if is_done(cx, container) => return Found::Pass,
        Activity::Idle => {}
        Activity::Pulling { .. } | Activity::Starting { .. } => return Found::Hold,
    }
    images::ensure(cx, index);
    Found::Acted
}

/// It ended and is not to run again.
pub(super) fn is_done(cx: &Context<'_>, container: &Container) -> bool {
    container
        .exit
        .as_ref()
        .is_some_and(|exit| !restartable(cx.pod, container, exit.exit.status.code))
}
