//! One step: apply one input, let the rules act once, settle what is observable.
//!
//! ```text
//!   apply(input) ── a fact about a container is its own revision ──► settle ──► more
//!        └─ otherwise ─► advance: ending? stop, cleanup : sandbox, startup, probes ──► settle
//! ```
//! Two changes of one subject never share a revision: a step that leaves work for the rules
//! says `more`, and the engine continues in the same turn. Late or repeated facts change nothing.

mod cleanup;
mod command;
mod context;
mod definition;
mod facts;
mod hook;
mod images;
mod outage;
mod owed;
mod probe;
mod recover;
mod restart;
mod restart_all;
mod run;
mod sandbox;
mod settle;
mod startup;
mod stop;
mod update;
mod view;

#[cfg(test)]
mod tests;

use context::Context;
pub(crate) use owed::{next_deadline, owed};

use crate::{
    Denied, Pod, Settings, Verdict,
    input::{Fact, Input},
    time::Timestamp,
    transition::{Cause, CauseKind},
};

/// What applying an input did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Applied {
    /// Nothing: late, repeated, or already so.
    Nothing,
    /// Bookkeeping, which is no revision.
    Kept,
    /// Something; the rules may act in the same revision.
    Together,
    /// Something that is a revision of its own.
    Alone,
}

/// First step of a new pod.
pub(crate) fn begin(pod: &mut Pod, settings: &Settings, now: Timestamp, cause: Cause) -> Verdict {
    let mut cx = Context::of_new(pod, *settings, now, cause);
    cx.pod.state.start_time = Some(now);
    let key = &cx.pod.meta.key;
    let message = format!("Successfully assigned {key} to {}", cx.pod.meta.node);
    cx.event("Scheduled", message);
    advance(&mut cx);
    cx.finish(true)
}

/// Applies one input.
pub(crate) fn step(
    pod: &mut Pod,
    settings: &Settings,
    now: Timestamp,
    input: &Input,
) -> Result<Verdict, Denied> {
    let mut cx = Context::of(pod, *settings, now, cause_of(input));
    let applied = match input {
        Input::Command(command, _) => command::apply(&mut cx, command)?,
        Input::Fact(fact) => facts::apply(&mut cx, fact),
        Input::Tick | Input::Continue(_) => facts::apply_ended(&mut cx),
    };
    let acted = match applied {
        Applied::Alone => {
            cx.more = true;
            true
        }
        Applied::Together => {
            advance(&mut cx);
            true
        }
        Applied::Kept => {
            cx.kept = true;
            advance(&mut cx)
        }
        Applied::Nothing => matches!(input, Input::Tick | Input::Continue(_)) && advance(&mut cx),
    };
    Ok(cx.finish(acted))
}

/// Lets the rules act once. True if they did anything; then they want to be asked again.
fn advance(cx: &mut Context<'_>) -> bool {
    restart::deadline(cx);
    restart::completion(cx);
    let mut acted = outage::advance(cx);
    acted |= if cx.pod.state.ending.is_some() {
        stop::advance(cx) | cleanup::advance(cx)
    } else if cx.pod.state.outage.is_some() {
        // Nothing new begins while nobody knows what there is.
        stop::advance_stopping(cx)
    } else if cx.pod.state.restarting_all {
        stop::advance_stopping(cx) | restart_all::advance(cx)
    } else {
        sandbox::advance(cx)
            | definition::advance(cx)
            | stop::advance_stopping(cx)
            | startup::advance(cx)
    };
    probe::advance(cx);
    cx.more |= acted;
    acted || cx.ended_now
}

fn cause_of(input: &Input) -> Cause {
    let kind = match input {
        Input::Command(_, cause) | Input::Continue(cause) => return cause.clone(),
        Input::Tick => CauseKind::Rule,
        Input::Fact(fact) => match fact {
            Fact::ContainerExited { .. } => CauseKind::ContainerExit,
            Fact::HookFinished { .. } => CauseKind::Hook,
            Fact::ProbeFinished { .. } => CauseKind::Probe,
            Fact::Recovered { .. } => CauseKind::Recovery,
            _ => CauseKind::Runtime,
        },
    };
    Cause::of(kind)
}
