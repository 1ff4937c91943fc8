//! One container, as the shim sees it.
//!
//! ```text
//!  Creating ──report ends──► Running ──init dead──► Draining ──output ended, or 2 s──► Exited
//!     └──report: failed──► Failed ──► gone                              (told, then recorded: fsync, retried)
//! ```

use std::time::Instant;

use lifepod_shim::{
    ExitRecord, UnixNanos,
    cgroup::Cgroup,
    protocol::{ContainerState, ContainerStatus, Failure, Started},
};
use rustix::process::WaitStatus;
use std::os::fd::OwnedFd;

use super::jobs::Job;
use crate::{
    control::ReplyTo,
    io::{Outputs, Stdin},
    runtime::Profile,
};

/// A container that is not deleted.
pub(crate) struct Container {
    pub(crate) id: String,
    pub(crate) cgroup: Cgroup,
    pub(crate) phase: Phase,
    /// Other processes of it die with its init.
    pub(crate) own_pid_namespace: bool,
    /// What execs inherit.
    pub(crate) profile: Profile,
    pub(crate) outputs: Outputs,
    pub(crate) stdin: Option<Stdin>,
    /// Stdin is to be kept open, whether or not the terminal exists already.
    pub(crate) wants_stdin: bool,
    pub(crate) stdin_once: bool,
    /// Master side, if it has a terminal.
    pub(crate) terminal: Option<OwnedFd>,
    /// OOM kills in its cgroup that are known not to have been init's end.
    pub(crate) oom_kills_seen: u64,
    /// When the log is to be tried again.
    pub(crate) retry_log_at: Option<Instant>,
    /// Its exit is told and not on disk yet.
    pub(crate) unrecorded: Option<Unrecorded>,
    pub(crate) deletion: Option<Deletion>,
}

/// How far it is.
pub(crate) enum Phase {
    /// A child is making it.
    Creating {
        job: Job,
        init: Option<i32>,
        failure: Option<Failure>,
        reply: ReplyTo,
    },
    /// It could not be made. The answer waits until nothing is left of it.
    Failed { reply: Option<(ReplyTo, Failure)> },
    /// Its program was executed.
    Running(Started),
    /// Init is dead, output may still be coming.
    Draining { record: ExitRecord, until: Instant },
    /// All told.
    Exited(ExitRecord),
}

/// An exit record that is still to be written.
pub(crate) struct Unrecorded {
    pub(crate) attempts: u32,
    pub(crate) retry_at: Instant,
}

/// Somebody wants it gone.
pub(crate) struct Deletion {
    pub(crate) replies: Vec<ReplyTo>,
    /// When to look again.
    pub(crate) next_at: Instant,
    /// When to give up.
    pub(crate) until: Instant,
    pub(crate) tries: u32,
}

impl Container {
    /// Process id of its init, while it is not reaped.
    pub(crate) fn live_init(&self) -> Option<i32> {
        match &self.phase {
            Phase::Creating { init, .. } => *init,
            Phase::Running(started) => Some(started.pid),
            _ => None,
        }
    }

    /// What clients see.
    pub(crate) fn state(&self) -> ContainerState {
        let status = match &self.phase {
            Phase::Creating { .. } | Phase::Failed { .. } => ContainerStatus::Creating,
            Phase::Running(started) => ContainerStatus::Running(*started),
            Phase::Draining { record, .. } => ContainerStatus::Running(Started {
                pid: record.pid,
                started_at: record.started_at,
            }),
            Phase::Exited(record) => ContainerStatus::Exited(record.clone()),
        };
        ContainerState {
            id: self.id.clone(),
            status,
        }
    }

    /// When something has to be done without an event.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let phase = match &self.phase {
            Phase::Draining { until, .. } => Some(*until),
            _ => None,
        };
        let deletion = self.deletion.as_ref().map(|deletion| deletion.next_at);
        let record = self.unrecorded.as_ref().map(|record| record.retry_at);
        [phase, record, deletion, self.retry_log_at]
            .into_iter()
            .flatten()
            .min()
    }
}

/// How a process ended, in a shell's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) exit_code: i32,
    pub(crate) signal: Option<i32>,
    pub(crate) at: UnixNanos,
}

impl Ending {
    /// None for a process that only stopped.
    pub(crate) fn of(status: WaitStatus) -> Option<Self> {
        let signal = status.terminating_signal();
        let exit_code = status.exit_status().or(signal.map(|signal| 128 + signal))?;
        Some(Self {
            exit_code,
            signal,
            at: UnixNanos::now(),
        })
    }
}
