//! The sandbox: asked for first, again after a failure or a loss.

use std::net::IpAddr;

use super::{Applied, context::Context};
use crate::{backoff::SYNC_RETRY, id::OpId, state::Sandbox};

/// Asks for a sandbox if there is none and it is time.
pub(super) fn advance(cx: &mut Context<'_>) -> bool {
    let due = match cx.pod.state.sandbox {
        Sandbox::Absent => true,
        Sandbox::Failed { retry_at } => cx.now >= retry_at,
        _ => false,
    };
    if due {
        let op = cx.op();
        cx.pod.state.sandbox = Sandbox::Creating { op };
    }
    due
}

pub(super) fn ready(cx: &mut Context<'_>, op: OpId, ips: &[IpAddr]) -> Applied {
    if cx.pod.state.sandbox != (Sandbox::Creating { op }) {
        return Applied::Nothing;
    }
    cx.pod.state.sandbox = Sandbox::Ready { ips: ips.to_vec() };
    cx.pod.state.ips = ips.to_vec();
    Applied::Together
}

pub(super) fn failed(cx: &mut Context<'_>, op: OpId, message: &str) -> Applied {
    if cx.pod.state.sandbox != (Sandbox::Creating { op }) {
        return Applied::Nothing;
    }
    cx.warning(
        "FailedCreatePodSandBox",
        format!("Failed to create pod sandbox: {message}"),
    );
    cx.pod.state.sandbox = Sandbox::Failed {
        retry_at: cx.now + SYNC_RETRY,
    };
    Applied::Alone
}
