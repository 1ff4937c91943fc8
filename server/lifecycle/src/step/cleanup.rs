//! The end: sandbox removed, files purged, record gone (spec §7.2).

use super::{Applied, context::Context, owed::may_purge};
use crate::{
    backoff::SYNC_RETRY,
    id::OpId,
    state::{Container, Purge, Sandbox},
};

/// Hides the object once its grace period is zero, and cleans up once nothing runs. True if
/// anything was done.
pub(super) fn advance(cx: &mut Context<'_>) -> bool {
    let no_grace = spend_grace(cx);
    let hides = !cx.pod.state.hidden
        && may_purge(cx.pod)
        && cx.pod.meta.deletion.is_some_and(|d| d.grace == 0);
    cx.pod.state.hidden |= hides;
    no_grace | hides | clean(cx)
}

/// A pod that only its finalizers hold has no grace period left. True if it had one.
fn spend_grace(cx: &mut Context<'_>) -> bool {
    let held = cx.pod.state.sandbox == Sandbox::Removed && !cx.pod.meta.finalizers.is_empty();
    let now = cx.now;
    match &mut cx.pod.meta.deletion {
        Some(deletion) if held && deletion.grace != 0 => {
            deletion.grace = 0;
            deletion.deadline = deletion.deadline.min(now);
            true
        }
        _ => false,
    }
}

fn clean(cx: &mut Context<'_>) -> bool {
    if cx.pod.state.containers.iter().any(Container::may_run) {
        return false;
    }
    match cx.pod.state.sandbox {
        // Its answer is waited for: it says what there is to remove.
        Sandbox::Creating { .. } | Sandbox::Removing { .. } => return false,
        Sandbox::RemoveFailed { retry_at } if cx.now < retry_at => return false,
        Sandbox::Removed => {}
        Sandbox::Absent
        | Sandbox::Failed { .. }
        | Sandbox::Ready { .. }
        | Sandbox::RemoveFailed { .. } => {
            let op = cx.op();
            cx.pod.state.sandbox = Sandbox::Removing { op };
            return true;
        }
    }
    let due = match cx.pod.state.purge {
        Purge::Kept => may_purge(cx.pod),
        Purge::Failed { retry_at } => cx.now >= retry_at,
        Purge::Running { .. } | Purge::Done => false,
    };
    if due {
        let op = cx.op();
        cx.pod.state.purge = Purge::Running { op };
    }
    due
}

pub(super) fn failed(cx: &mut Context<'_>, op: OpId, message: &str) -> Applied {
    let retry_at = cx.now + SYNC_RETRY;
    if cx.pod.state.sandbox == (Sandbox::Removing { op }) {
        cx.pod.state.sandbox = Sandbox::RemoveFailed { retry_at };
    } else if cx.pod.state.purge == (Purge::Running { op }) {
        cx.pod.state.purge = Purge::Failed { retry_at };
    } else {
        return Applied::Nothing;
    }
    cx.warning("FailedKillPod", format!("error killing pod: {message}"));
    Applied::Alone
}
