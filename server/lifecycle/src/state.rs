//! The machine state of a pod: one enum per axis, data in the variants.
//!
//! ```text
//! sandbox    Absent → Creating → Ready → Removing → Removed        (Failed → Creating …)
//! container  Idle → Pulling → Starting → Live → Idle(exit kept) → …  (Idle until a back-off ends)
//! stop       (Live only)  PreStop → Signalled → Killed
//! ```
//! Operations in flight are part of the state: what a pod owes is read off it, never stored twice.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{
    backoff::{CrashBackoff, RetryBackoff},
    event::Events,
    id::OpId,
    input::Exit,
    status::Observed,
    time::Timestamp,
    transition::{Label, Observation},
};

/// The pod's sandbox.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Sandbox {
    /// None was asked for yet.
    #[default]
    Absent,
    /// The last attempt failed.
    Failed {
        /// When the next attempt is due.
        retry_at: Timestamp,
    },
    /// Being made.
    Creating {
        /// Operation.
        op: OpId,
    },
    /// Usable.
    Ready {
        /// Addresses, empty with the host's network.
        ips: Vec<IpAddr>,
    },
    /// Being removed.
    Removing {
        /// Operation.
        op: OpId,
    },
    /// The last attempt to remove it failed.
    RemoveFailed {
        /// When the next attempt is due.
        retry_at: Timestamp,
    },
    /// Gone for good.
    Removed,
}

/// What kind of container a slot is; decided by the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Class {
    /// Runs to completion before the next one starts.
    Init,
    /// An init container with restart policy Always: runs beside the others.
    Sidecar,
    /// Regular container.
    Main,
}

/// A waiting reason with its message, as shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// Kubernetes waiting reason.
    pub reason: Label,
    /// Text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// A finished instance, as shown under `state.terminated` or `lastState.terminated`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finished {
    /// Which start.
    pub attempt: u32,
    /// Runtime's id.
    pub container_id: String,
    /// Kubernetes reason (`Completed`, `Error`, `OOMKilled`, `StartError`, …).
    pub reason: Label,
    /// When it started.
    pub started_at: Timestamp,
    /// How and when it ended.
    pub exit: Exit,
    /// When it ended by the engine's clock, which back-off is measured with: the runtime's clock may
    /// jump, and a jump must neither hold a restart back nor let it loop.
    #[serde(default)]
    pub seen_at: Timestamp,
}

/// State of a hook of one instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hook {
    /// There is none, or it is not its time.
    #[default]
    None,
    /// Running.
    Running {
        /// Operation.
        op: OpId,
    },
    /// Succeeded.
    Succeeded,
    /// Failed, or was cut off.
    Failed,
}

/// Why an instance is being stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopReason {
    /// The pod ends.
    PodEnding,
    /// Its postStart hook failed.
    PostStartFailed,
}

/// How far a stop has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopStage {
    /// The preStop hook runs (see [`Instance::pre_stop`]); it is cut off at the deadline.
    PreStop,
    /// The stop signal was sent.
    Signalled {
        /// Operation.
        op: OpId,
    },
    /// SIGKILL was sent.
    Killed {
        /// Operation.
        op: OpId,
    },
}

/// A stop in progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// Why.
    pub reason: StopReason,
    /// When it began.
    pub began_at: Timestamp,
    /// When its stage ends: the hook is cut off, or SIGKILL follows.
    pub deadline: Timestamp,
    /// How far it is.
    pub stage: StopStage,
}

/// A process that exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Which start.
    pub attempt: u32,
    /// Runtime's id.
    pub container_id: String,
    /// When it started.
    pub started_at: Timestamp,
    /// The postStart hook.
    pub post_start: Hook,
    /// The preStop hook.
    pub pre_stop: Hook,
    /// Set while it is being stopped.
    pub stop: Option<Stop>,
    /// It has ended, which the next step records: start and end are two revisions, however
    /// short the time between them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<(Exit, Observation)>,
}

/// What a slot is doing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Activity {
    /// Nothing.
    #[default]
    Idle,
    /// Nothing before that time: a back-off.
    Delayed {
        /// End of the back-off.
        until: Timestamp,
    },
    /// Making the image available.
    Pulling {
        /// Operation.
        op: OpId,
        /// The registry was asked.
        contacting: bool,
    },
    /// Creating and starting.
    Starting {
        /// Operation.
        op: OpId,
        /// Which start it will be.
        attempt: u32,
    },
    /// A process exists.
    Live(Instance),
}

/// Image of a container, once known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFacts {
    /// Runtime's id.
    pub id: String,
    /// Reference by digest.
    pub reference: String,
}

/// One container of the pod through all its starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Container {
    /// Name, equal to the specification's.
    pub name: String,
    /// Kind.
    pub class: Class,
    /// Number of the newest instance; none before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// What it is doing.
    pub activity: Activity,
    /// Waiting reason to show instead of the default or the last exit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<Shown>,
    /// Newest finished instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<Finished>,
    /// The one before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_exit: Option<Finished>,
    /// Image, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageFacts>,
    /// Back-off of restarts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crash: Option<CrashBackoff>,
    /// Back-off of pulls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull: Option<RetryBackoff>,
}

impl Container {
    /// A slot that has done nothing yet.
    #[must_use]
    pub fn new(name: &str, class: Class) -> Self {
        Self {
            name: name.to_owned(),
            class,
            attempt: None,
            activity: Activity::Idle,
            shown: None,
            exit: None,
            previous_exit: None,
            image: None,
            crash: None,
            pull: None,
        }
    }

    /// The process, if one exists.
    #[must_use]
    pub const fn live(&self) -> Option<&Instance> {
        match &self.activity {
            Activity::Live(instance) => Some(instance),
            _ => None,
        }
    }

    /// Restarts so far: the number of the newest instance.
    #[must_use]
    pub fn restart_count(&self) -> u32 {
        self.attempt.unwrap_or(0)
    }

    /// Whether a start is in progress that later containers have to wait for.
    #[must_use]
    pub fn is_starting(&self) -> bool {
        match &self.activity {
            Activity::Pulling { .. } | Activity::Starting { .. } => true,
            Activity::Live(instance) => matches!(instance.post_start, Hook::Running { .. }),
            Activity::Idle | Activity::Delayed { .. } => false,
        }
    }

    /// Whether a process exists or may come to exist by an operation in flight.
    #[must_use]
    pub const fn may_run(&self) -> bool {
        matches!(self.activity, Activity::Live(_) | Activity::Starting { .. })
    }
}

/// Why the pod ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EndReason {
    /// Every container is done.
    Completed,
    /// The pod was deleted.
    Deleted,
    /// `activeDeadlineSeconds` ran out.
    DeadlineExceeded,
}

/// The pod is ending: nothing starts any more, everything that runs is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// Why.
    pub reason: EndReason,
    /// Grace period in force, in seconds.
    pub grace: u32,
}

/// State of the pod object at its end.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Purge {
    /// Not its time.
    #[default]
    Kept,
    /// The pod's files are being removed.
    Running {
        /// Operation.
        op: OpId,
    },
    /// The last attempt failed.
    Failed {
        /// When the next attempt is due.
        retry_at: Timestamp,
    },
    /// Nothing is left; the record goes.
    Done,
}

/// The machine state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Number of the next operation.
    pub next_op: u64,
    /// When the engine first acted on the pod.
    pub start_time: Option<Timestamp>,
    /// Sandbox.
    pub sandbox: Sandbox,
    /// Addresses of the newest sandbox; kept when it is gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ips: Vec<IpAddr>,
    /// Number of the sandbox, counted up when one is lost.
    pub sandbox_attempt: u32,
    /// Back-off of sandbox creation and removal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox_backoff: Option<RetryBackoff>,
    /// A regular container of the present sandbox exists or existed.
    pub initialized: bool,
    /// Containers: init containers in order, then regular ones in order.
    pub containers: Vec<Container>,
    /// Set when the pod ends.
    pub ending: Option<Ending>,
    /// Removal of the pod's files.
    #[serde(default)]
    pub purge: Purge,
    /// Clients no longer see the pod (forced deletion); the runtime still cleans up.
    #[serde(default)]
    pub hidden: bool,
    /// Last published phase and conditions with their times.
    pub observed: Observed,
    /// Events.
    #[serde(default)]
    pub events: Events,
}
