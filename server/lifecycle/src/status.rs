//! What is observable of a pod: phase, conditions, container states. Always derived
//! ([`crate::derive`]); only the times of the last changes are remembered.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{input::Exit, state::Finished, time::Timestamp, transition::Label};

/// Phase of a pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Accepted, not all containers have started.
    #[default]
    Pending,
    /// At least one container runs, or is starting again.
    Running,
    /// All containers ended well and will not start again.
    Succeeded,
    /// All containers ended, at least one badly.
    Failed,
    /// The runtime cannot be reached.
    Unknown,
}

impl Phase {
    /// Kubernetes text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Unknown => "Unknown",
        }
    }

    /// Succeeded or Failed.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

/// Whether a condition holds. Stored as an optional truth value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Option<bool>", into = "Option<bool>")]
pub enum Truth {
    /// It holds.
    True,
    /// It does not.
    False,
    /// Not known.
    #[default]
    Unknown,
}

impl Truth {
    /// Kubernetes text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

impl From<Option<bool>> for Truth {
    fn from(holds: Option<bool>) -> Self {
        holds.map_or(Self::Unknown, Self::from)
    }
}

impl From<Truth> for Option<bool> {
    fn from(truth: Truth) -> Self {
        match truth {
            Truth::True => Some(true),
            Truth::False => Some(false),
            Truth::Unknown => None,
        }
    }
}

/// A condition of a pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// Type, for example `Ready`.
    pub kind: Label,
    /// Whether it holds.
    pub status: Truth,
    /// CamelCase reason, or empty.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub reason: Label,
    /// Text for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// When `status` last flipped.
    pub last_transition: Timestamp,
}

/// What was last published, kept for its times and for the stickiness of terminal phases.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// Phase.
    pub phase: Phase,
    /// Reason of the phase, or empty.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub reason: Label,
    /// Text for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Conditions in publication order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// Stages of a container as the article names them; finer than the Kubernetes state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Waiting for its turn or for a retry; never ran.
    Waiting,
    /// Its image is made available, or it is being created; a postStart hook may still run.
    Creating,
    /// Running.
    Running,
    /// Running, and being stopped.
    Terminating,
    /// Ended.
    Exited,
    /// Ended, and will start again.
    Restarting,
}

impl Stage {
    /// Text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "Waiting",
            Self::Creating => "Creating",
            Self::Running => "Running",
            Self::Terminating => "Terminating",
            Self::Exited => "Exited",
            Self::Restarting => "Restarting",
        }
    }
}

/// Kubernetes state of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContainerState {
    /// Not running.
    Waiting {
        /// CamelCase reason.
        reason: Label,
        /// Text for people.
        message: String,
    },
    /// Running.
    Running {
        /// Since.
        started_at: Timestamp,
    },
    /// Ended.
    Terminated(Finished),
}

/// Status of one container.
#[derive(Clone, Debug, PartialEq)]
pub struct ContainerStatus {
    /// Name.
    pub name: String,
    /// State.
    pub state: ContainerState,
    /// Finer than the state.
    pub stage: Stage,
    /// The last finished instance, if another one followed or will follow.
    pub last_state: Option<Finished>,
    /// Counts toward Ready.
    pub ready: bool,
    /// Runs and has started, by its startup probe if there is one. None for ephemeral containers.
    pub started: Option<bool>,
    /// Starts after the first.
    pub restart_count: u32,
    /// Image reference.
    pub image: String,
    /// Image reference by digest, or empty.
    pub image_id: String,
    /// Runtime's id of the newest instance, or empty.
    pub container_id: String,
}

/// Quality of service class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QosClass {
    /// Limits equal requests for cpu and memory everywhere.
    Guaranteed,
    /// Some requests or limits.
    Burstable,
    /// None.
    BestEffort,
}

/// Status of a pod.
#[derive(Clone, Debug, PartialEq)]
pub struct PodStatus {
    /// Phase.
    pub phase: Phase,
    /// Reason of the phase, or empty.
    pub reason: Label,
    /// Text for people.
    pub message: String,
    /// Conditions.
    pub conditions: Vec<Condition>,
    /// Addresses.
    pub ips: Vec<IpAddr>,
    /// When the engine first acted on the pod.
    pub start_time: Option<Timestamp>,
    /// Quality of service.
    pub qos_class: QosClass,
    /// Init containers, in order of the specification.
    pub init_containers: Vec<ContainerStatus>,
    /// Regular containers, by name.
    pub containers: Vec<ContainerStatus>,
    /// Ephemeral containers, by name.
    pub ephemeral_containers: Vec<ContainerStatus>,
}

/// Kubernetes reason of an ended instance.
#[must_use]
pub fn exit_reason(exit: &Exit) -> Label {
    if exit.status.oom_killed {
        "OOMKilled".into()
    } else if exit.status.code == 0 {
        "Completed".into()
    } else {
        "Error".into()
    }
}
