//! Publishes the derived phase and conditions (spec §1.4).

use std::borrow::Cow;

use super::{context::Context, outage};
use crate::{
    derive,
    state::{Container, EndReason},
    status::Phase,
    transition::Label,
};

const DEADLINE_MESSAGE: &str = "Pod was active on the node longer than the specified deadline";

/// Derives phase and conditions and remembers when they changed.
pub(super) fn settle(cx: &mut Context<'_>) {
    let state = &cx.pod.state;
    let (before, ending) = (state.observed.phase, state.ending);
    let runs = state.containers.iter().any(Container::may_run);
    let ended = ending.is_some() && !runs;
    let mut phase = derive::phase(cx.pod, ended);
    let mut because: Option<(&'static str, Cow<'static, str>)> = None;
    match ending.map(|ending| ending.reason) {
        Some(EndReason::DeadlineExceeded) if ended => {
            phase = Phase::Failed;
            because = Some(("DeadlineExceeded", DEADLINE_MESSAGE.into()));
        }
        // Whatever is not terminal when everything was stopped has failed.
        Some(_) if ended && !phase.is_terminal() => phase = Phase::Failed,
        _ => {}
    }
    // Also a start in flight may still make a process.
    let withheld = phase.is_terminal() && runs;
    if before.is_terminal() {
        phase = before;
    } else if !ended && outage::is_over_limit(cx) {
        phase = Phase::Unknown;
        let outage = cx.pod.state.outage.as_ref();
        because = outage.map(|outage| (derive::NODE_LOST, outage.message.clone().into()));
    } else if withheld {
        // What is withheld while contact was lost was running before.
        phase = if before == Phase::Unknown {
            Phase::Running
        } else {
            before
        };
    }
    let conditions = derive::conditions(cx.pod, phase, cx.now);
    let observed = &mut cx.pod.state.observed;
    if phase != before {
        let (reason, message) = because.unwrap_or_default();
        observed.reason = Label::Borrowed(reason);
        observed.message = message.into_owned();
    }
    observed.phase = phase;
    observed.conditions = conditions;
}
