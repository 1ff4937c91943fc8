//! What a pod owes, read off its state: the outbox that cannot disagree with the record.

use super::probe;
use crate::{
    Pod,
    derive::spec_of,
    effect::{Action, Effect},
    id::OpId,
    spec::{Handler, Probe},
    state::{Activity, Container, Hook, Instance, Probes, Purge, Sandbox, StopStage},
    time::Timestamp,
    transition::{HookKind, ProbeKind},
};

/// One operation in flight, borrowed: with every step all are looked at and few are new.
#[derive(Clone, Copy)]
enum Owed<'a> {
    CreateSandbox,
    RemoveSandbox,
    PurgePod,
    EnsureImage(&'a Container),
    Start(&'a Container, u32),
    Hook(&'a Container, &'a Instance, HookKind, &'a Handler),
    Probe(&'a Container, &'a Instance, ProbeKind, &'a Probe),
    Stop(&'a Container, &'a Instance),
    Kill(&'a Container, &'a Instance),
}

/// Whether the pod's files may go: it is being deleted and nobody else has a say.
pub(super) fn may_purge(pod: &Pod) -> bool {
    pod.meta.deletion.is_some() && pod.meta.finalizers.is_empty()
}

/// Calls `f` with every operation in flight.
fn each<'a>(pod: &'a Pod, f: &mut impl FnMut(OpId, Owed<'a>)) {
    match pod.state.sandbox {
        Sandbox::Creating { op } => f(op, Owed::CreateSandbox),
        Sandbox::Removing { op } => f(op, Owed::RemoveSandbox),
        _ => {}
    }
    for container in &pod.state.containers {
        match &container.activity {
            Activity::Idle | Activity::Delayed { .. } => {}
            Activity::Pulling { op, .. } => f(*op, Owed::EnsureImage(container)),
            Activity::Starting { op, attempt, .. } => f(*op, Owed::Start(container, *attempt)),
            Activity::Live(instance) if instance.ended.is_some() => {}
            Activity::Live(instance) => of_instance(pod, container, instance, f),
        }
    }
    if let Purge::Running { op } = pod.state.purge {
        f(op, Owed::PurgePod);
    }
}

fn of_instance<'a>(
    pod: &'a Pod,
    container: &'a Container,
    instance: &'a Instance,
    f: &mut impl FnMut(OpId, Owed<'a>),
) {
    let Some(spec) = spec_of(pod, container) else {
        return;
    };
    let hooks = &spec.lifecycle;
    let hooks = [
        (&instance.post_start, HookKind::PostStart, &hooks.post_start),
        (&instance.pre_stop, HookKind::PreStop, &hooks.pre_stop),
    ];
    for (state, kind, handler) in hooks {
        if let (Hook::Running { op }, Some(handler)) = (state, handler) {
            f(*op, Owed::Hook(container, instance, kind, handler));
        }
    }
    for kind in Probes::KINDS {
        let flight = instance.probes.get(kind).and_then(|state| state.flight);
        let wanted = flight.filter(|_| probe::is_wanted(pod, instance, kind));
        if let (Some(op), Some(probe)) = (wanted, probe::spec_probe(spec, kind)) {
            f(op, Owed::Probe(container, instance, kind, probe));
        }
    }
    match instance.stop.as_ref().map(|stop| &stop.stage) {
        Some(StopStage::Signalled { op }) => f(*op, Owed::Stop(container, instance)),
        Some(StopStage::Killed { op }) => f(*op, Owed::Kill(container, instance)),
        Some(StopStage::PreStop | StopStage::Ordered) | None => {}
    }
}

impl Owed<'_> {
    fn action(self, pod: &Pod) -> Action {
        let name = |c: &Container| c.name.clone();
        let id = |i: &Instance| i.container_id.clone();
        match self {
            Self::CreateSandbox => Action::CreateSandbox {
                attempt: pod.state.sandbox_attempt,
            },
            Self::RemoveSandbox => Action::RemoveSandbox {
                purge: may_purge(pod),
            },
            Self::PurgePod => Action::PurgePod,
            Self::EnsureImage(c) => Action::EnsureImage { container: name(c) },
            Self::Start(c, attempt) => Action::StartContainer {
                container: name(c),
                attempt,
                image_id: c.image.as_ref().map(|i| i.id.clone()).unwrap_or_default(),
            },
            Self::Hook(c, instance, hook, handler) => Action::RunHook {
                container: name(c),
                attempt: instance.attempt,
                container_id: id(instance),
                hook,
                handler: handler.clone(),
            },
            Self::Probe(c, instance, kind, probe) => Action::RunProbe {
                container: name(c),
                attempt: instance.attempt,
                container_id: id(instance),
                probe: kind,
                handler: probe.handler.clone(),
                timeout: probe.timeout,
            },
            Self::Stop(c, instance) => Action::StopContainer {
                container: name(c),
                attempt: instance.attempt,
                container_id: id(instance),
            },
            Self::Kill(c, instance) => Action::KillContainer {
                container: name(c),
                attempt: instance.attempt,
                container_id: id(instance),
            },
        }
    }
}

/// Numbers of the operations in flight.
pub(super) fn numbers(pod: &Pod) -> Vec<OpId> {
    let mut list = Vec::new();
    each(pod, &mut |op, _| list.push(op));
    list
}

/// The operations in flight that are not in `known`.
pub(super) fn fresh(pod: &Pod, known: &[OpId]) -> Vec<Effect> {
    let mut list = Vec::new();
    each(pod, &mut |op, owed| {
        if !known.contains(&op) {
            list.push(Effect {
                pod: pod.reference(),
                op,
                action: owed.action(pod),
            });
        }
    });
    list
}

/// Everything the pod owes.
pub(crate) fn owed(pod: &Pod) -> Vec<Effect> {
    fresh(pod, &[])
}

/// The earliest time after `now` at which the rules have something to do.
pub(crate) fn next_deadline(pod: &Pod, now: Timestamp) -> Option<Timestamp> {
    let state = &pod.state;
    let sandbox = match state.sandbox {
        Sandbox::Failed { retry_at } | Sandbox::RemoveFailed { retry_at } => Some(retry_at),
        _ => None,
    };
    let purge = match state.purge {
        Purge::Failed { retry_at } => Some(retry_at),
        _ => None,
    };
    let containers = state.containers.iter().filter_map(|c| match &c.activity {
        Activity::Delayed { until } => Some(*until),
        Activity::Live(instance) => instance.stop.as_ref().map(|stop| stop.deadline),
        _ => None,
    });
    let active = match (state.start_time, pod.spec.active_deadline, state.ending) {
        (Some(start), Some(limit), None) => Some(start + limit),
        _ => None,
    };
    let outage = state.outage.as_ref().map(|outage| outage.limit);
    let singles = [sandbox, purge, active, outage, probe::next_due(pod)];
    let times = singles.into_iter().flatten().chain(containers);
    times.filter(|time| *time > now).min()
}
