//! After a restart of the server, and when a sandbox is lost (spec §2.1, §4.2).

use std::net::IpAddr;

use super::{Applied, context::Context, run};
use crate::{
    input::{Exit, InstanceFacts},
    state::{Activity, Class, Sandbox},
    transition::{ExitStatus, Observation},
};

const LOST: &str = "The container could not be located when the pod was terminated";

/// Compares what the runtime holds with what the record says.
pub(super) fn recovered(
    cx: &mut Context<'_>,
    sandbox: Option<&[IpAddr]>,
    instances: &[InstanceFacts],
) -> Applied {
    let mut applied = Applied::Nothing;
    for facts in instances {
        if found(cx, facts) {
            applied = Applied::Alone;
        }
    }
    if sandbox.is_none() && matches!(cx.pod.state.sandbox, Sandbox::Ready { .. }) {
        lost(cx);
        applied = Applied::Alone;
    }
    applied
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
    if !matches!(cx.pod.state.sandbox, Sandbox::Ready { .. }) {
        return Applied::Nothing;
    }
    lost(cx);
    Applied::Alone
}

/// The sandbox is gone, and with it every process whose end nobody saw. A new sandbox begins
/// the pod anew, init containers included, as far as the restart policy allows.
fn lost(cx: &mut Context<'_>) {
    let now = cx.now;
    for container in &mut cx.pod.state.containers {
        match &mut container.activity {
            Activity::Live(instance) if instance.ended.is_none() => {
                let status = ExitStatus {
                    code: 137,
                    signal: 0,
                    oom_killed: false,
                };
                let exit = Exit {
                    status,
                    finished_at: now,
                    message: LOST.to_owned(),
                };
                instance.ended = Some((exit, Observation::Inferred));
            }
            Activity::Starting { .. } | Activity::Pulling { .. } => {
                container.activity = Activity::Idle;
            }
            _ => {}
        }
        if container.class == Class::Init && container.exit.is_some() {
            container.previous_exit = container.exit.take();
        }
    }
    if cx.pod.state.ending.is_none() {
        cx.event(
            "SandboxChanged",
            "Pod sandbox changed, it will be killed and re-created.",
        );
    }
    cx.pod.state.sandbox = Sandbox::Absent;
    cx.pod.state.sandbox_attempt += 1;
    cx.pod.state.initialized = false;
}
