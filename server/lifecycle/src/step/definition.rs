//! A container whose image was changed is stopped and started again (spec §4.2, §10.7).

use super::{context::Context, stop};
use crate::{
    derive::spec_of,
    event::EventKind,
    state::{Class, StopReason},
};

/// Stops what runs from another image than the specification names. True if anything was done.
pub(super) fn advance(cx: &mut Context<'_>) -> bool {
    let mut acted = false;
    for index in 0..cx.pod.state.containers.len() {
        if !is_outdated(cx, index) {
            continue;
        }
        let container = &cx.pod.state.containers[index];
        let name = &container.name;
        let message = if container.class == Class::Sidecar {
            format!("Init container {name} definition changed")
        } else {
            format!("Container {name} definition changed, will be restarted")
        };
        cx.container_event(index, EventKind::Normal, "Killing", message);
        let (reason, grace) = (StopReason::DefinitionChanged, cx.pod.grace_period());
        stop::begin(cx, index, reason, grace, stop::PreStop::Run);
        acted = true;
    }
    acted
}

/// Init containers run to their end from the image they were started with.
fn is_outdated(cx: &Context<'_>, index: usize) -> bool {
    let container = &cx.pod.state.containers[index];
    let restarts = matches!(container.class, Class::Sidecar | Class::Main);
    let running = container.live().filter(|instance| {
        instance.stop.is_none() && instance.ended.is_none() && !instance.image.is_empty()
    });
    match (running, spec_of(cx.pod, container)) {
        (Some(instance), Some(spec)) => restarts && instance.image != spec.image,
        _ => false,
    }
}
