//! What a pod owes, read off its state: the outbox that cannot disagree with the record.

use super::probe;
use crate::{
    Pod,
    derive::spec_of,
    effect::{Action, Effect},
    id::OpId,
    state::{Activity, Container, Hook, Instance, Probes, Purge, Sandbox, StopStage},
    time::Timestamp,
    transition::HookKind,
};

/// Every operation in flight.
pub(super) fn actions(pod: &Pod) -> Vec<(OpId, Action)> {
    let state = &pod.state;
    let mut list = Vec::new();
    match state.sandbox {
        Sandbox::Creating { op } => list.push((
            op,
            Action::CreateSandbox {
                attempt: state.sandbox_attempt,
            },
        )),
        Sandbox::Removing { op } => list.push((
            op,
            Action::RemoveSandbox {
                purge: may_purge(pod),
            },
        )),
        _ => {}
    }
    for container in &state.containers {
        container_actions(pod, container, &mut list);
    }
    if let Purge::Running { op } = state.purge {
        list.push((op, Action::PurgePod));
    }
    list
}

/// Whether the pod's files may go: it is being deleted and nobody else has a say.
pub(super) fn may_purge(pod: &Pod) -> bool {
    pod.meta.deletion.is_some() && pod.meta.finalizers.is_empty()
}

fn container_actions(pod: &Pod, container: &Container, list: &mut Vec<(OpId, Action)>) {
    let name = || container.name.clone();
    match &container.activity {
        Activity::Idle | Activity::Delayed { .. } => {}
        Activity::Pulling { op, .. } => list.push((*op, Action::EnsureImage { container: name() })),
        Activity::Starting { op, attempt, .. } => {
            let image_id = container
                .image
                .as_ref()
                .map(|image| image.id.clone())
                .unwrap_or_default();
            list.push((
                *op,
                Action::StartContainer {
                    container: name(),
                    attempt: *attempt,
                    image_id,
                },
            ));
        }
        Activity::Live(instance) if instance.ended.is_some() => {}
        Activity::Live(instance) => instance_actions(pod, container, instance, list),
    }
}

fn instance_actions(
    pod: &Pod,
    owner: &Container,
    instance: &Instance,
    list: &mut Vec<(OpId, Action)>,
) {
    let Some(spec) = spec_of(pod, owner) else {
        return;
    };
    let hooks = [
        (
            &instance.post_start,
            HookKind::PostStart,
            &spec.lifecycle.post_start,
        ),
        (
            &instance.pre_stop,
            HookKind::PreStop,
            &spec.lifecycle.pre_stop,
        ),
    ];
    let (container, attempt) = (owner.name.clone(), instance.attempt);
    let container_id = instance.container_id.clone();
    for (state, hook, handler) in hooks {
        if let (Hook::Running { op }, Some(handler)) = (state, handler) {
            let (container, container_id) = (container.clone(), container_id.clone());
            let handler = handler.clone();
            list.push((
                *op,
                Action::RunHook {
                    container,
                    attempt,
                    container_id,
                    hook,
                    handler,
                },
            ));
        }
    }
    for kind in Probes::KINDS {
        let flight = instance.probes.get(kind).and_then(|state| state.flight);
        let wanted = flight.filter(|_| probe::is_wanted(pod, instance, kind));
        if let (Some(op), Some(probe)) = (wanted, probe::spec_probe(spec, kind)) {
            let (container, container_id) = (container.clone(), container_id.clone());
            list.push((
                op,
                Action::RunProbe {
                    container,
                    attempt,
                    container_id,
                    probe: kind,
                    handler: probe.handler.clone(),
                    timeout: probe.timeout,
                },
            ));
        }
    }
    match instance.stop.as_ref().map(|stop| &stop.stage) {
        Some(StopStage::Signalled { op }) => {
            list.push((
                *op,
                Action::StopContainer {
                    container,
                    attempt,
                    container_id,
                },
            ));
        }
        Some(StopStage::Killed { op }) => {
            list.push((
                *op,
                Action::KillContainer {
                    container,
                    attempt,
                    container_id,
                },
            ));
        }
        Some(StopStage::PreStop | StopStage::Ordered) | None => {}
    }
}

/// Actions as effects of the pod.
pub(super) fn effects(pod: &Pod, actions: impl Iterator<Item = (OpId, Action)>) -> Vec<Effect> {
    let reference = pod.reference();
    actions
        .map(|(op, action)| Effect {
            pod: reference.clone(),
            op,
            action,
        })
        .collect()
}

/// Everything the pod owes.
pub(crate) fn owed(pod: &Pod) -> Vec<Effect> {
    effects(pod, actions(pod).into_iter())
}

/// The earliest time after `now` at which the rules have something to do.
pub(crate) fn next_deadline(pod: &Pod, now: Timestamp) -> Option<Timestamp> {
    let state = &pod.state;
    let mut times = Vec::new();
    match state.sandbox {
        Sandbox::Failed { retry_at } | Sandbox::RemoveFailed { retry_at } => times.push(retry_at),
        _ => {}
    }
    if let Purge::Failed { retry_at } = state.purge {
        times.push(retry_at);
    }
    for container in &state.containers {
        match &container.activity {
            Activity::Delayed { until } => times.push(*until),
            Activity::Live(instance) => {
                times.extend(instance.stop.as_ref().map(|stop| stop.deadline));
            }
            _ => {}
        }
    }
    if let (Some(start), Some(limit), None) =
        (state.start_time, pod.spec.active_deadline, state.ending)
    {
        times.push(start + limit);
    }
    times.extend(state.outage.as_ref().map(|outage| outage.limit));
    times.extend(probe::next_due(pod));
    times.into_iter().filter(|time| *time > now).min()
}
