//! One process of a container: its hooks, its probes, its stop, its end.

use serde::{Deserialize, Serialize};

use super::Probes;
use crate::{
    id::OpId,
    input::Exit,
    time::Timestamp,
    transition::{Label, Observation},
};

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
    /// Why it was stopped, if Lifepod stopped it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<StopReason>,
    /// It runs again, whatever its policy says: all containers of the pod do.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rerun: bool,
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
    /// Its startup probe failed.
    StartupFailed,
    /// Its liveness probe failed.
    LivenessFailed,
    /// The specification names another image.
    DefinitionChanged,
    /// Every container of the pod starts again.
    RestartAll,
}

/// How far a stop has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopStage {
    /// The preStop hook runs (see [`Instance::pre_stop`]); it is cut off at the deadline.
    PreStop,
    /// A sidecar waits for the containers that go before it.
    Ordered,
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
    /// When it started by the engine's clock, which probes are timed with.
    #[serde(default)]
    pub seen_at: Timestamp,
    /// Image of the specification it was made from.
    #[serde(default)]
    pub image: String,
    /// The postStart hook.
    pub post_start: Hook,
    /// The preStop hook.
    pub pre_stop: Hook,
    /// The probes.
    #[serde(default, skip_serializing_if = "Probes::is_empty")]
    pub probes: Probes,
    /// Set while it is being stopped.
    pub stop: Option<Stop>,
    /// It has ended, which the next step records: start and end are two revisions, however
    /// short the time between them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<(Exit, Observation)>,
}
