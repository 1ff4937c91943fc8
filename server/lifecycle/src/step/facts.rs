//! Facts: what happened is recorded if it answers an operation in flight, else it is late.

use super::{Applied, context::Context, hook, images, outage, probe, recover, run, sandbox};
use crate::{
    id::OpId,
    input::Fact,
    state::{Activity, Hook, Purge, Sandbox},
    transition::{Cause, CauseKind, Observation},
};

pub(super) fn apply(cx: &mut Context<'_>, fact: &Fact) -> Applied {
    match fact {
        Fact::SandboxReady { op, ips } => sandbox::ready(cx, *op, ips),
        Fact::SandboxFailed { op, message } => sandbox::failed(cx, *op, message),
        Fact::SandboxLost { message } => recover::sandbox_lost(cx, message),
        Fact::ImagePulling { op } => images::pulling(cx, *op),
        Fact::ImageReady {
            op,
            image_id,
            image_ref,
            source,
        } => images::ready(cx, *op, image_id, image_ref, source),
        Fact::ImageFailed {
            op,
            failure,
            message,
        } => images::failed(cx, *op, *failure, message),
        Fact::ContainerStarted {
            op,
            container_id,
            at,
        } => run::started(cx, *op, container_id, *at),
        Fact::ContainerFailed {
            op,
            failure,
            container_id,
            message,
        } => run::failed(cx, *op, *failure, container_id, message),
        Fact::ContainerExited {
            container,
            attempt,
            container_id,
            started_at,
            exit,
            observation,
        } => {
            let instance = run::Started {
                attempt: *attempt,
                container_id,
                at: *started_at,
            };
            run::exited(cx, container, &instance, exit, *observation)
        }
        Fact::HookFinished { op, outcome } => hook::finished(cx, *op, outcome),
        Fact::ProbeFinished { op, outcome } => probe::finished(cx, *op, outcome),
        Fact::SandboxRemoved { op, purged } => removed(cx, *op, *purged),
        Fact::CleanupFailed { op, message } => super::cleanup::failed(cx, *op, message),
        Fact::PodPurged { op } => purged(cx, *op),
        Fact::ContactLost { message } => outage::lost(cx, message),
        Fact::ContactRestored => outage::restored(cx),
        Fact::Recovered { sandbox, instances } => {
            recover::recovered(cx, sandbox.as_deref(), instances)
        }
    }
}

/// Records an end that came together with its start or with other ends: each has its own time and
/// was observed in its own way, so each is a revision of its own.
pub(super) fn apply_ended(cx: &mut Context<'_>) -> Applied {
    let mut slots = cx.pod.state.containers.iter_mut().enumerate();
    let next = slots.find_map(|(index, container)| match &mut container.activity {
        Activity::Live(instance) => instance.ended.take().map(|ended| (index, ended)),
        _ => None,
    });
    let Some((index, (exit, observation))) = next else {
        return Applied::Nothing;
    };
    cx.cause = Cause::of(match observation {
        Observation::Direct => CauseKind::ContainerExit,
        Observation::RecoveredAfterRestart | Observation::Inferred => CauseKind::Recovery,
    });
    run::finish(cx, index, exit, observation);
    Applied::Alone
}

fn removed(cx: &mut Context<'_>, op: OpId, purged: bool) -> Applied {
    if cx.pod.state.sandbox != (Sandbox::Removing { op }) {
        return Applied::Nothing;
    }
    cx.pod.state.sandbox = Sandbox::Removed;
    run::account(cx);
    if purged {
        cx.pod.state.purge = Purge::Done;
    }
    Applied::Together
}

fn purged(cx: &mut Context<'_>, op: OpId) -> Applied {
    if cx.pod.state.purge != (Purge::Running { op }) {
        return Applied::Nothing;
    }
    cx.pod.state.purge = Purge::Done;
    Applied::Together
}

/// Slot of the container whose activity or hook has that operation in flight.
pub(super) fn slot_of(cx: &Context<'_>, op: OpId) -> Option<usize> {
    cx.pod
        .state
        .containers
        .iter()
        .position(|container| match &container.activity {
            Activity::Pulling { op: known, .. } | Activity::Starting { op: known, .. } => {
                *known == op
            }
            Activity::Live(instance) => {
                let running = Hook::Running { op };
                instance.post_start == running || instance.pre_stop == running
            }
            Activity::Idle | Activity::Delayed { .. } => false,
        })
}
