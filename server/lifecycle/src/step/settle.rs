//! Publishes the derived phase and conditions (spec §1.4).

use super::context::Context;
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
    let mut because: Option<(&'static str, &'static str)> = None;
    match ending.map(|ending| ending.reason) {
        Some(EndReason::DeadlineExceeded) if ended => {
            phase = Phase::Failed;
            because = Some(("DeadlineExceeded", DEADLINE_MESSAGE));
        }
        // Whatever is not terminal when everything was stopped has failed.
        Some(_) if ended && !phase.is_terminal() => phase = Phase::Failed,
        _ => {}
    }
    let withheld = phase.is_terminal() && runs && derive::any_running(cx.pod);
    if before.is_terminal() || withheld {
        phase = before;
    }
    let conditions = derive::conditions(cx.pod, phase, cx.now);
    let observed = &mut cx.pod.state.observed;
    if phase != before {
        let (reason, message) = because.unwrap_or_default();
        observed.reason = Label::Borrowed(reason);
        message.clone_into(&mut observed.message);
    }
    observed.phase = phase;
    observed.conditions = conditions;
}
