//! The runtime or the pod's shim out of reach: a short outage freezes the status, a long one
//! makes the phase Unknown; it is true again as soon as contact is back.

use super::{Applied, context::Context, probe};
use crate::{state::Outage, status::Phase};

pub(super) fn lost(cx: &mut Context<'_>, message: &str) -> Applied {
    if cx.pod.state.outage.is_some() {
        return Applied::Nothing;
    }
    cx.pod.state.outage = Some(Outage {
        since: cx.now,
        limit: cx.now + cx.settings.contact_limit,
        message: message.to_owned(),
    });
    probe::call_off(cx);
    Applied::Kept
}

/// Contact is back; what was missed is told by other facts.
pub(super) fn restored(cx: &mut Context<'_>) -> Applied {
    match cx.pod.state.outage.take() {
        None => Applied::Nothing,
        Some(_) if cx.pod.state.observed.phase == Phase::Unknown => Applied::Together,
        Some(_) => {
            cx.more = true;
            Applied::Kept
        }
    }
}

/// Whether the outage has lasted too long.
pub(super) fn is_over_limit(cx: &Context<'_>) -> bool {
    let outage = cx.pod.state.outage.as_ref();
    outage.is_some_and(|outage| cx.now >= outage.limit)
}

/// Notices that the outage has lasted too long. True if that is news.
pub(super) fn advance(cx: &Context<'_>) -> bool {
    let phase = cx.pod.state.observed.phase;
    is_over_limit(cx) && phase != Phase::Unknown && !phase.is_terminal()
}
