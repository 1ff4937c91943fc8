//! One simulated process: it sleeps until its script or a signal ends it.

use std::time::Duration;

use lifepod_lifecycle::{time::Timestamp, transition::ExitStatus};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::{
    SimClock,
    script::{End, OnTerm, StartScript},
};

const SIGTERM: i32 = 15;
const SIGKILL: i32 = 9;

/// The strongest signal sent so far, and when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Signal {
    #[default]
    None,
    /// Not a signal: the standard input has ended.
    Input(Timestamp),
    Term(Timestamp),
    Kill(Timestamp),
}

impl Signal {
    /// When the process was told to stop.
    pub(crate) const fn stop(self) -> Option<Timestamp> {
        match self {
            Self::None | Self::Input(_) => None,
            Self::Term(at) | Self::Kill(at) => Some(at),
        }
    }
}

/// How a process ends: with a status, or without a trace.
pub(crate) type Ending = Option<ExitStatus>;

/// How and when a process ends, as far as is decided.
pub(crate) type Fate = Option<(Timestamp, Ending)>;

pub(crate) const fn exited(code: i32) -> ExitStatus {
    ExitStatus {
        code,
        signal: 0,
        oom_killed: false,
    }
}

pub(crate) const fn killed(signal: i32, oom_killed: bool) -> ExitStatus {
    ExitStatus {
        code: 128 + signal,
        signal,
        oom_killed,
    }
}

/// Completes when the process ends.
pub(crate) async fn run(
    clock: &SimClock,
    script: &StartScript,
    started_at: Timestamp,
    mut signals: watch::Receiver<Signal>,
) -> (Timestamp, Ending) {
    loop {
        let fate = fate(script, started_at, *signals.borrow_and_update());
        tokio::select! {
            biased;
            ended = met(clock, &fate) => return ended,
            // The sender goes only with the whole instance.
            changed = signals.changed() => if changed.is_err() {
                return (clock.now(), Some(killed(SIGKILL, false)));
            },
        }
    }
}

/// How and when a process ends that was sent a signal, as far as is decided.
pub(crate) fn fate(script: &StartScript, started_at: Timestamp, signal: Signal) -> Fate {
    let natural = natural(script.end, started_at);
    let forced = match signal {
        Signal::Input(at) if script.end == End::Input => Some((at, Some(exited(0)))),
        Signal::None | Signal::Input(_) => None,
        Signal::Term(at) => terminated(script.on_term, at),
        Signal::Kill(at) => Some((at, Some(killed(SIGKILL, false)))),
    };
    earlier(natural, forced)
}

fn natural(end: End, started_at: Timestamp) -> Fate {
    match end {
        End::Never | End::Input => None,
        End::Exit { after, code } => Some((started_at + after, Some(exited(code)))),
        End::OutOfMemory { after } => Some((started_at + after, Some(killed(SIGKILL, true)))),
        End::Vanish { after } => Some((started_at + after, None)),
    }
}

fn terminated(on_term: OnTerm, at: Timestamp) -> Fate {
    let (after, status): (Duration, _) = match on_term {
        OnTerm::Ignore => return None,
        OnTerm::Die { after } => (after, killed(SIGTERM, false)),
        OnTerm::Exit { after, code } => (after, exited(code)),
    };
    Some((at + after, Some(status)))
}

fn earlier(one: Fate, other: Fate) -> Fate {
    match (&one, &other) {
        (Some((a, _)), Some((b, _))) if b < a => other,
        (None, _) => other,
        _ => one,
    }
}

async fn met(clock: &SimClock, fate: &Fate) -> (Timestamp, Ending) {
    match fate {
        Some((at, status)) => {
            clock.sleep_until(*at).await;
            (*at, status.clone())
        }
        None => std::future::pending().await,
    }
}
