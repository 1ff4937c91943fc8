//! After a restart of the server, and when a sandbox is lost (spec §2.1, §4.2).

use std::net::IpAddr;

use super::{Applied, command::end_pod, context::Context, outage, restart, run};
use crate::{
    Pod,
    input::{Exit, InstanceFacts},
    spec::{ContainerSpec, RestartPolicy},
    state::{Activity, Class, EndReason, Sandbox},
    time::Timestamp,
    transition::{ExitStatus, Observation},
};

/// Compares what the runtime holds with what the record says.
pub(super) fn recovered(
    cx: &mut Context<'_>,
    sandbox: Option<&[IpAddr]>,
    instances: &[InstanceFacts],
) -> Applied {
    let mut applied = outage::restored(cx);
    for facts in instances {
        if found(cx, facts) {
            applied = Applied::Alone;
        }
    }
    if matches!(cx.pod.state.sandbox, Sandbox::Ready { .. }) {
        if sandbox.is_none() {
            lost(cx);
            applied = Applied::Alone;
        } else if vanished(cx, instances) {
            applied = Applied::Alone;
        }
    }
    applied
}

/// Ends the instances that are recorded as running and of which the runtime knows nothing. True
/// if there was one.
fn vanished(cx: &mut Context<'_>, instances: &[InstanceFacts]) -> bool {
    let now = cx.now;
    let mut any = false;
    for container in &mut cx.pod.state.containers {
        let name = &container.name;
        let Activity::Live(instance) = &mut container.activity else {
            continue;
        };
        let is_it = |f: &InstanceFacts| f.container == *name && f.attempt == instance.attempt;
        if instance.ended.is_none() && !instances.iter().any(is_it) {
            instance.ended = Some((unknown_end(now, ""), Observation::Inferred));
            any = true;
        }
    }
    any
}

fn unknown_end(now: Timestamp, message: &str) -> Exit {
    let status = ExitStatus {
        code: 137,
        ..ExitStatus::default()
    };
    Exit {
        status,
        finished_at: now,
        message: message.to_owned(),
    }
}

/// An instance the runtime knows. True if that is news.
fn found(cx: &mut Context<'_>, facts: &InstanceFacts) -> bool {
    let Some(index) = cx
        .pod
        .state
        .containers
        .iter()
        .position(|c| c.name == facts.container)
    else {
        return false;
    };
    let started = run::Started {
        attempt: facts.attempt,
        container_id: &facts.container_id,
        at: facts.started_at,
    };
    let news = match &cx.pod.state.containers[index].activity {
        Activity::Starting { attempt, .. } if *attempt == facts.attempt => {
            cx.observation = Observation::RecoveredAfterRestart;
            run::live(cx, index, &started);
            true
        }
        Activity::Live(instance) => instance.attempt == facts.attempt && facts.exit.is_some(),
        _ => false,
    };
    if let (true, Some(exit)) = (news, &facts.exit)
        && let Activity::Live(instance) = &mut cx.pod.state.containers[index].activity
    {
        instance.ended = Some((exit.clone(), Observation::RecoveredAfterRestart));
    }
    news
}

pub(super) fn sandbox_lost(cx: &mut Context<'_>, _message: &str) -> Applied {
    // Who says that it is gone has been in contact, and nobody is left to find contact to.
    let restored = outage::restored(cx);
    if !matches!(cx.pod.state.sandbox, Sandbox::Ready { .. }) {
        return restored;
    }
    lost(cx);
    Applied::Alone
}

/// The sandbox is gone, and with it every process whose end nobody saw. A new sandbox begins
/// the pod anew, init containers included, as far as the restart policy allows.
fn lost(cx: &mut Context<'_>) {
    let now = cx.now;
    let again = cx.pod.state.ending.is_none() && is_made_again(cx.pod);
    for container in &mut cx.pod.state.containers {
        match &mut container.activity {
            Activity::Live(instance) if instance.ended.is_none() => {
                let exit = unknown_end(now, run::NOT_LOCATED);
                instance.ended = Some((exit, Observation::Inferred));
            }
            Activity::Starting { .. } | Activity::Pulling { .. } => {
                container.activity = Activity::Idle;
            }
            _ => {}
        }
        let of_init = matches!(container.class, Class::Init | Class::Sidecar);
        if let Some(exit) = container.exit.as_mut().filter(|_| of_init && again) {
            exit.rerun = true;
        }
    }
    cx.pod.state.sandbox = Sandbox::Absent;
    cx.pod.state.sandbox_attempt += 1;
    if again {
        cx.event(
            "SandboxChanged",
            "Pod sandbox changed, it will be killed and re-created.",
        );
        cx.pod.state.initialized = false;
    } else if cx.pod.state.ending.is_none() {
        let grace = restart::grace(cx);
        end_pod(cx, EndReason::Completed, grace);
    }
}

/// A pod that restarts nothing gets no second sandbox once one of its containers has run.
fn is_made_again(pod: &Pod) -> bool {
    let restarts = |spec: &ContainerSpec| {
        let policy = spec.restart_policy.unwrap_or(pod.spec.restart_policy);
        policy != RestartPolicy::Never || !spec.restart_policy_rules.is_empty()
    };
    let mut slots = pod.state.containers.iter();
    pod.spec.containers.iter().any(restarts) || slots.all(|c| c.attempt.is_none())
}
