//! Which container starts next (spec §4.2, §8): init containers one after the other, then the
//! regular ones in order, each start waiting for the one before it. A sidecar releases the next
//! item as soon as it has started.

use super::{context::Context, images, restart};
use crate::{
    derive::{restartable, shows_running},
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
    let len = cx.pod.state.containers.len();
    let first = cx
        .pod
        .state
        .containers
        .iter()
        .position(is_ephemeral)
        .unwrap_or(len);
    // Ephemeral containers wait for nothing, and nothing waits for them.
    if (first..len).any(|index| matches!(visit(cx, index), Found::Acted)) {
        return true;
    }
    for index in 0..first {
        match visit(cx, index) {
            Found::Acted => return true,
            Found::Hold if holds_up(cx, index) => return false,
            Found::Pass | Found::Hold => {}
        }
    }
    false
}

fn is_ephemeral(container: &Container) -> bool {
    container.class == Class::Ephemeral
}

/// Whether what comes after an init container or a sidecar that is not done has to wait for it: not
/// if something after it was started already, for then it is only being started again.
fn holds_up(cx: &Context<'_>, index: usize) -> bool {
    let state = &cx.pod.state;
    let is_item = |c: &&Container| matches!(c.class, Class::Init | Class::Sidecar);
    let mut later = state.containers[index + 1..].iter().filter(is_item);
    is_item(&&state.containers[index]) && !state.initialized && !later.any(has_instance)
}

/// Whether an instance of this pass through the init containers exists.
fn has_instance(container: &Container) -> bool {
    let ended = container.exit.as_ref().is_some_and(|exit| !exit.rerun);
    ended || container.may_run()
}

fn visit(cx: &mut Context<'_>, index: usize) -> Found {
    let container = &cx.pod.state.containers[index];
    match &container.activity {
        Activity::Live(instance) => {
            let released = match container.class {
                Class::Init => false,
                Class::Sidecar => shows_running(instance) && instance.probes.started(),
                Class::Main | Class::Ephemeral => true,
            };
            return if released { Found::Pass } else { Found::Hold };
        }
        Activity::Delayed { until } if cx.now < *until => return Found::Hold,
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
    let exit = container.exit.as_ref();
    exit.is_some_and(|exit| !restartable(cx.pod, container, exit))
}
