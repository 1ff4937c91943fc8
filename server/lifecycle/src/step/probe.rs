//! Probes: when an attempt is due, what counts, what a result does (spec §6).
//!
//! Attempts and results below the thresholds are bookkeeping without a revision; a result that
//! counts is a revision.

use std::time::Duration;

use super::{Applied, context::Context, stop};
use crate::{
    Pod,
    derive::{restarts_unhealthy, shows_running, spec_of},
    event::EventKind,
    id::OpId,
    input::Outcome,
    spec::{ContainerSpec, Probe},
    state::{Activity, Class, Container, Instance, ProbeResult, ProbeState, Probes, StopReason},
    time::Timestamp,
    transition::ProbeKind,
};

/// Attempts in a row that could not be run before they are reported.
const ERRORS: u32 = 3;

/// The probe of that kind in the specification.
pub(super) const fn spec_probe(spec: &ContainerSpec, kind: ProbeKind) -> Option<&Probe> {
    match kind {
        ProbeKind::Startup => spec.startup_probe.as_ref(),
        ProbeKind::Liveness => spec.liveness_probe.as_ref(),
        ProbeKind::Readiness => spec.readiness_probe.as_ref(),
    }
}

/// Gives the instance in slot `index` its probes: it is shown running from now on.
pub(super) fn begin(cx: &mut Context<'_>, index: usize) {
    let now = cx.now;
    let container = &cx.pod.state.containers[index];
    let (Some(spec), Some(instance)) = (spec_of(cx.pod, container), container.live()) else {
        return;
    };
    let mut probes = Probes::default();
    for kind in Probes::KINDS {
        *probes.slot(kind) = spec_probe(spec, kind).map(|probe| ProbeState {
            due: now.max(instance.seen_at + probe.initial_delay),
            ..ProbeState::default()
        });
    }
    if let Activity::Live(instance) = &mut cx.pod.state.containers[index].activity {
        instance.probes = probes;
    }
}

/// Whether that probe of an instance is attempted at this point of its life. Readiness goes on
/// until the end; nothing is killed for its health once it is being stopped or the pod ends.
pub(super) fn is_wanted(pod: &Pod, instance: &Instance, kind: ProbeKind) -> bool {
    let state = instance.probes.get(kind);
    let open = state.is_some() && shows_running(instance) && instance.ended.is_none();
    let stays = instance.stop.is_none() && pod.state.ending.is_none();
    let started = instance.probes.started();
    open && match kind {
        ProbeKind::Startup => stays && !started,
        ProbeKind::Liveness => {
            stays && started && state.is_some_and(|s| s.result != ProbeResult::Failure)
        }
        ProbeKind::Readiness => started,
    }
}

/// Every probe that waits for its next attempt, by slot.
fn waiting(pod: &Pod) -> impl Iterator<Item = (usize, ProbeKind, Timestamp)> {
    let slots = pod.state.containers.iter().enumerate();
    let live = slots.filter_map(|(index, c)| c.live().map(|instance| (index, instance)));
    let live = live.filter(|(_, instance)| !instance.probes.is_empty());
    live.flat_map(move |(index, instance)| {
        Probes::KINDS.into_iter().filter_map(move |kind| {
            let state = instance.probes.get(kind).filter(|s| s.flight.is_none())?;
            is_wanted(pod, instance, kind).then_some((index, kind, state.due))
        })
    })
}

/// When the next attempt is due.
pub(super) fn next_due(pod: &Pod) -> Option<Timestamp> {
    let reachable = pod.state.outage.is_none();
    let waiting = reachable.then(|| waiting(pod));
    waiting.and_then(|list| list.map(|(_, _, due)| due).min())
}

/// Begins every attempt that is due.
pub(super) fn advance(cx: &mut Context<'_>) {
    // What cannot be reached cannot be asked, and its silence says nothing about the container.
    if cx.pod.state.outage.is_some() {
        return;
    }
    let now = cx.now;
    let due: Vec<_> = waiting(cx.pod).filter(|(_, _, due)| *due <= now).collect();
    for (index, kind, _) in due {
        let op = cx.pod.state.probe_op();
        cx.kept = true;
        if let Some(probe) = slot(cx, index, kind) {
            probe.flight = Some(op);
        }
    }
}

/// Takes back the attempts in flight: whatever becomes of them now is the contact's doing and not
/// the container's. They are made again as soon as there is contact.
pub(super) fn call_off(cx: &mut Context<'_>) {
    let now = cx.now;
    for container in &mut cx.pod.state.containers {
        let Activity::Live(instance) = &mut container.activity else {
            continue;
        };
        for kind in Probes::KINDS {
            let state = instance.probes.slot(kind).as_mut();
            if let Some(state) = state.filter(|state| state.flight.is_some()) {
                (state.flight, state.due) = (None, now);
            }
        }
    }
}

fn slot<'c>(cx: &'c mut Context<'_>, index: usize, kind: ProbeKind) -> Option<&'c mut ProbeState> {
    match &mut cx.pod.state.containers[index].activity {
        Activity::Live(instance) => instance.probes.slot(kind).as_mut(),
        _ => None,
    }
}

fn find(pod: &Pod, op: OpId) -> Option<(usize, ProbeKind)> {
    let slots = pod.state.containers.iter().enumerate();
    let mut live = slots.filter_map(|(index, c)| c.live().map(|instance| (index, instance)));
    live.find_map(|(index, instance)| {
        let mut kinds = Probes::KINDS.into_iter();
        let kind = kinds.find(|kind| {
            let state = instance.probes.get(*kind);
            state.is_some_and(|state| state.flight == Some(op))
        })?;
        is_wanted(pod, instance, kind).then_some((index, kind))
    })
}

/// An attempt is over.
pub(super) fn finished(cx: &mut Context<'_>, op: OpId, outcome: &Outcome) -> Applied {
    let Some((index, kind)) = find(cx.pod, op) else {
        return Applied::Nothing;
    };
    let container = &cx.pod.state.containers[index];
    let Some(probe) = spec_of(cx.pod, container).and_then(|spec| spec_probe(spec, kind)) else {
        return Applied::Nothing;
    };
    let limits = (probe.success_threshold, probe.failure_threshold);
    let (period, now) = (probe.period, cx.now);
    report(cx, index, kind, outcome);
    let Some(state) = slot(cx, index, kind) else {
        return Applied::Nothing;
    };
    let counted = state.count(outcome, limits);
    state.flight = None;
    let at_once = matches!(outcome, Outcome::Error { .. }) && state.errors > 0;
    state.due = if at_once {
        now
    } else {
        now.max(state.due + period)
    };
    match counted {
        Some(result) => {
            react(cx, index, kind, result);
            Applied::Alone
        }
        None => Applied::Kept,
    }
}

impl ProbeState {
    /// Counts an attempt. The new result, if it changed.
    fn count(
        &mut self,
        outcome: &Outcome,
        (successes, failures): (u32, u32),
    ) -> Option<ProbeResult> {
        let succeeded = match outcome {
            Outcome::Success | Outcome::Warning { .. } => true,
            Outcome::Failure { .. } => false,
            Outcome::Error { .. } => {
                self.errors = (self.errors + 1) % ERRORS;
                return None;
            }
        };
        self.errors = 0;
        self.streak = if self.streak > 0 && self.succeeded == succeeded {
            self.streak.saturating_add(1)
        } else {
            1
        };
        self.succeeded = succeeded;
        let (threshold, result) = if succeeded {
            (successes, ProbeResult::Success)
        } else {
            (failures, ProbeResult::Failure)
        };
        let counts = self.streak >= threshold && self.result != result;
        if counts {
            self.result = result;
        }
        counts.then_some(result)
    }
}

const fn word(kind: ProbeKind) -> &'static str {
    match kind {
        ProbeKind::Startup => "Startup",
        ProbeKind::Liveness => "Liveness",
        ProbeKind::Readiness => "Readiness",
    }
}

/// The event of an attempt that did not simply succeed. What could not be run is told only after
/// it was tried again.
fn report(cx: &mut Context<'_>, index: usize, kind: ProbeKind, outcome: &Outcome) {
    let word = word(kind);
    let errors = slot(cx, index, kind).map_or(0, |state| state.errors);
    let (reason, text) = match outcome {
        Outcome::Success => return,
        Outcome::Warning { message } => {
            ("ProbeWarning", format!("{word} probe warning: {message}"))
        }
        Outcome::Failure { message } => ("Unhealthy", format!("{word} probe failed: {message}")),
        Outcome::Error { .. } if errors + 1 < ERRORS => return,
        Outcome::Error { message } => (
            "Unhealthy",
            format!("{word} probe errored and resulted in unknown state: {message}"),
        ),
    };
    cx.container_event(index, EventKind::Warning, reason, text);
}

/// Does what a changed result asks for.
fn react(cx: &mut Context<'_>, index: usize, kind: ProbeKind, result: ProbeResult) {
    match (kind, result) {
        (ProbeKind::Startup, ProbeResult::Success) => release(cx, index),
        (ProbeKind::Startup, ProbeResult::Failure) => {
            kill(cx, index, kind, StopReason::StartupFailed);
        }
        (ProbeKind::Liveness, ProbeResult::Failure) => {
            kill(cx, index, kind, StopReason::LivenessFailed);
        }
        _ => {}
    }
}

/// The container has started: readiness is asked for at once, liveness at its next turn.
fn release(cx: &mut Context<'_>, index: usize) {
    let now = cx.now;
    let container = &cx.pod.state.containers[index];
    let period = spec_of(cx.pod, container)
        .and_then(|spec| spec.liveness_probe.as_ref())
        .map(|probe| probe.period);
    if let Some(readiness) = slot(cx, index, ProbeKind::Readiness) {
        readiness.due = now.max(readiness.due);
    }
    if let (Some(liveness), Some(period)) = (slot(cx, index, ProbeKind::Liveness), period) {
        liveness.due = next_turn(liveness.due, period, now);
    }
}

/// The first time not before `now` that is whole periods after `due`.
fn next_turn(due: Timestamp, period: Duration, now: Timestamp) -> Timestamp {
    let (late, period) = (now.since(due).as_nanos(), period.as_nanos().max(1));
    let turns = late.div_ceil(period);
    due + Duration::from_nanos(u64::try_from(turns * period).unwrap_or(u64::MAX))
}

/// Stops a container for its health, its preStop hook included.
fn kill(cx: &mut Context<'_>, index: usize, kind: ProbeKind, reason: StopReason) {
    let container = &cx.pod.state.containers[index];
    let Some(spec) = spec_of(cx.pod, container) else {
        return;
    };
    let own = spec_probe(spec, kind).and_then(|probe| probe.termination_grace_period);
    let grace = own.unwrap_or_else(|| cx.pod.grace_period());
    let message = killing(cx.pod, container, spec, kind);
    cx.container_event(index, EventKind::Normal, "Killing", message);
    stop::begin(cx, index, reason, grace, stop::PreStop::Run);
}

fn killing(pod: &Pod, container: &Container, spec: &ContainerSpec, kind: ProbeKind) -> String {
    let (name, word) = (&container.name, word(kind).to_lowercase());
    if container.class == Class::Sidecar {
        return format!("Init container {name} failed {word} probe");
    }
    let again = if restarts_unhealthy(pod, spec) {
        ", will be restarted"
    } else {
        ""
    };
    format!("Container {name} failed {word} probe{again}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn the_next_turn_keeps_the_beat() {
        let period = Duration::from_secs(10);
        for (due, now, next) in [(5, 5, 5), (5, 6, 15), (5, 15, 15), (5, 16, 25), (20, 5, 20)] {
            assert_eq!(next_turn(at(due), period, at(now)), at(next), "{due} {now}");
        }
    }
}
