//! Commands (spec §7.1).

use std::time::Duration;

use super::{Applied, context::Context, update};
use crate::{
    Deletion, Denied,
    input::Command,
    state::{EndReason, Ending},
    time::Timestamp,
};

pub(super) fn apply(cx: &mut Context<'_>, command: &Command) -> Result<Applied, Denied> {
    match command {
        Command::Delete { grace } => Ok(delete(cx, *grace)),
        Command::Update(update) => update::apply(cx, update),
    }
}

/// The grace period a deletion asks for, in seconds.
fn requested(cx: &Context<'_>, grace: Option<i64>) -> u32 {
    if cx.pod.state.observed.phase.is_terminal() {
        return 0;
    }
    let own = i64::try_from(cx.pod.spec.termination_grace_period.as_secs()).unwrap_or(i64::MAX);
    match grace.unwrap_or(own) {
        negative if negative < 0 => 1,
        seconds => u32::try_from(seconds).unwrap_or(u32::MAX),
    }
}

fn delete(cx: &mut Context<'_>, grace: Option<i64>) -> Applied {
    let seconds = requested(cx, grace);
    let now = cx.now;
    let deletion = match cx.pod.meta.deletion {
        None => {
            cx.pod.meta.generation += 1;
            Deletion {
                deadline: now + span(seconds),
                grace: seconds,
            }
        }
        Some(known) if seconds >= known.grace || (grace.is_none() && seconds != 0) => {
            return Applied::Nothing;
        }
        Some(known) => shortened(known, seconds, now),
    };
    cx.pod.meta.deletion = Some(deletion);
    end_pod(cx, EndReason::Deleted, deletion.grace);
    // Without grace the object goes in the next revision: both are told.
    if deletion.grace == 0 {
        Applied::Alone
    } else {
        Applied::Together
    }
}

/// A repeated deletion that asks for less time.
fn shortened(known: Deletion, seconds: u32, now: Timestamp) -> Deletion {
    let moved = known.deadline - span(known.grace) + span(seconds);
    if moved < now {
        Deletion {
            deadline: now,
            grace: seconds.min(1),
        }
    } else {
        Deletion {
            deadline: moved,
            grace: seconds,
        }
    }
}

const fn span(seconds: u32) -> Duration {
    Duration::from_secs(seconds as u64)
}

/// Begins to end the pod, or shortens the end that is under way: the grace period in force is
/// at least a second and never grows.
pub(super) fn end_pod(cx: &mut Context<'_>, reason: EndReason, grace: u32) {
    let grace = grace.max(1);
    let known = cx.pod.state.ending;
    let ending = match known {
        None => Ending { reason, grace },
        // A pod that failed by its deadline stays failed for that reason.
        Some(known) => Ending {
            reason: if known.reason == EndReason::Completed {
                reason
            } else {
                known.reason
            },
            grace: known.grace.min(grace),
        },
    };
    cx.ended_now |= known.is_none();
    cx.pod.state.restarting_all = false;
    cx.pod.state.ending = Some(ending);
    // Also a stop that began before the end, after a failed postStart hook for example.
    super::stop::shorten(cx, ending.grace);
}
