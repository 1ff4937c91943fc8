//! The task that owns a session: timeout, disconnect policy, exit.

use std::{sync::Arc, time::Duration};

use lifepod_lifecycle::{
    port::{BoxFuture, StreamError},
    transition::ExitStatus,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};

use super::session::{Outcome, Policy, Session};
use crate::shared::Shared;

const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;
/// How long the result of a kept command waits for somebody who asks.
const RESULT_KEPT: Duration = Duration::from_secs(600);
/// Grace of abandoned commands when the server goes down.
const DRAIN_GRACE: Duration = Duration::from_secs(1);

type Exit = BoxFuture<'static, Result<ExitStatus, StreamError>>;

/// Stays with a session until it is over and nobody can ask for it any more.
pub(super) async fn supervise(
    shared: Arc<Shared>,
    session: Arc<Session>,
    mut exit: Exit,
    timeout: Option<Duration>,
) {
    let deadline = timeout.map(|timeout| Instant::now() + timeout);
    let mut ending = Ending::None;
    let mut changes = session.changes();
    let exited = loop {
        tokio::select! {
            biased;
            exited = &mut exit => break Some(exited),
            () = shared.drain.cancelled(), if !ending.is_drain() => {
                if !matches!(session.policy, Policy::Kill { .. }) {
                    break None;
                }
                signal(&session, SIGTERM).await;
                ending = Ending::Drain(Instant::now() + DRAIN_GRACE);
            }
            () = due(deadline), if ending.is_none() => {
                ending = Ending::Timeout;
                signal(&session, SIGKILL).await;
            }
            () = due(ending.kill_at()), if ending.kill_at().is_some() => {
                ending = ending.killed();
                signal(&session, SIGKILL).await;
            }
            () = abandoned(&session, &mut changes), if ending.is_none() => {
                match session.policy {
                    Policy::Kill { grace } => {
                        signal(&session, SIGTERM).await;
                        ending = Ending::Abandoned(Some(Instant::now() + grace));
                    }
                    Policy::Keep { .. } => {}
                    Policy::LetGo => break None,
                }
            }
        }
    };
    session.close_input();
    match exited {
        Some(exited) => conclude(&shared, &session, exited, ending).await,
        None => session.close(),
    }
    shared.execs.remove(&session.id);
}

/// Why the command is being ended by us.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    None,
    Timeout,
    /// Its clients have gone; killed at that time, or already.
    Abandoned(Option<Instant>),
    /// The server goes down.
    Drain(Instant),
    DrainKilled,
}

impl Ending {
    fn is_none(self) -> bool {
        self == Self::None
    }

    const fn is_drain(self) -> bool {
        matches!(self, Self::Drain(_) | Self::DrainKilled)
    }

    const fn kill_at(self) -> Option<Instant> {
        match self {
            Self::Abandoned(at) => at,
            Self::Drain(at) => Some(at),
            Self::None | Self::Timeout | Self::DrainKilled => None,
        }
    }

    const fn killed(self) -> Self {
        match self {
            Self::Drain(_) => Self::DrainKilled,
            _ => Self::Abandoned(None),
        }
    }
}

async fn due(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Completes when everybody has gone from a session whose policy minds.
async fn abandoned(session: &Session, changes: &mut watch::Receiver<()>) {
    if matches!(session.policy, Policy::Keep { .. }) {
        std::future::pending::<()>().await;
    }
    while !session.is_abandoned() {
        if changes.changed().await.is_err() {
            return;
        }
    }
}

async fn signal(session: &Session, signal: i32) {
    if let Err(error) = session.control.signal(signal).await {
        tracing::debug!(exec_id = session.id, signal, %error, "a command could not be signalled");
    }
}

/// The process is gone: waits for the rest of its output, tells the outcome, and keeps the
/// result of a kept command for a while.
async fn conclude(
    shared: &Shared,
    session: &Session,
    exited: Result<ExitStatus, StreamError>,
    ending: Ending,
) {
    let mut changes = session.changes();
    session.set_over();
    while !session.has_ended() {
        if changes.changed().await.is_err() {
            break;
        }
    }
    session.finish(outcome(exited, ending));
    if matches!(session.policy, Policy::Keep { .. }) {
        tokio::select! {
            () = shared.drain.cancelled() => {}
            () = sleep(RESULT_KEPT) => {}
        }
    }
}

fn outcome(exited: Result<ExitStatus, StreamError>, ending: Ending) -> Outcome {
    match exited {
        Ok(status) => Outcome::Exited {
            reason: match &status {
                _ if ending == Ending::Timeout => "Timeout",
                ExitStatus { signal: 1.., .. } => "Killed",
                ExitStatus { code: 0, .. } => "Completed",
                _ => "Error",
            },
            message: String::new(),
            status,
        },
        Err(error) => Outcome::Lost {
            detail: error.to_string(),
        },
    }
}
