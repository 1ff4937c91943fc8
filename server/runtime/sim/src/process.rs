//! One simulated process: it sleeps until its script or a signal ends it.

use std::time::Duration;

use lifepod_lifecycle::{time::Timestamp, transition::ExitStatus};
use tokio::sync::watch;

use crate::{
    SimClock,
    script::{End, OnTerm, StartScript},
};

const SIGTERM: i32 = 15;
const SIGKILL: i32 = 9;

/// The strongest signal sent so far, and when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Signal {
    #[default]
    None,
    Term(Timestamp),
    Kill(Timestamp),
}

/// How and when a process ends, as far as is decided.
type Fate = Option<(Timestamp, ExitStatus)>;

const fn exited(code: i32) -> ExitStatus {
    ExitStatus {
        code,
        signal: 0,
        oom_killed: false,
    }
}

const fn killed(signal: i32, oom_killed: bool) -> ExitStatus {
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
) -> (Timestamp, ExitStatus) {
    let mut fate = natural(script.end, started_at);
    loop {
        tokio::select! {
            biased;
            ended = met(clock, &fate) => return ended,
            // The sender goes only with the whole instance.
            changed = signals.changed() => if changed.is_err() {
                return (clock.now(), killed(SIGKILL, false));
            },
        }
        match *signals.borrow_and_update() {
            Signal::None => {}
            Signal::Term(at) => fate = earlier(fate, terminated(script.on_term, at)),
            Signal::Kill(at) => fate = earlier(fate, Some((at, killed(SIGKILL, false)))),
        }
    }
}

fn natural(end: End, started_at: Timestamp) -> Fate {
    match end {
        End::Never => None,
        End::Exit { after, code } => Some((started_at + after, exited(code))),
        End::OutOfMemory { after } => Some((started_at + after, killed(SIGKILL, true))),
    }
}

fn terminated(on_term: OnTerm, at: Timestamp) -> Fate {
    let (after, status): (Duration, _) = match on_term {
        OnTerm::Ignore => return None,
        OnTerm::Die { after } => (after, killed(SIGTERM, false)),
        OnTerm::Exit { after, code } => (after, exited(code)),
    };
    Some((at + after, status))
}

fn earlier(one: Fate, other: Fate) -> Fate {
    match (&one, &other) {
        (Some((a, _)), Some((b, _))) if b < a => other,
        (None, _) => other,
        _ => one,
    }
}

async fn met(clock: &SimClock, fate: &Fate) -> (Timestamp, ExitStatus) {
    match fate {
        Some((at, status)) => {
            clock.sleep_until(*at).await;
            (*at, status.clone())
        }
        None => std::future::pending().await,
    }
}
