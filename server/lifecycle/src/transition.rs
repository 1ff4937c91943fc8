//! One recorded change of one subject: what the journal is made of.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// Text that is almost always a constant.
pub type Label = Cow<'static, str>;

/// Which hook of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum HookKind {
    /// After start.
    PostStart,
    /// Before a stop that Lifepod initiates.
    PreStop,
}

/// Which probe of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ProbeKind {
    /// Gate for the two others.
    Startup,
    /// Kills.
    Liveness,
    /// Decides readiness.
    Readiness,
}

/// The thing that changed. Each subject has one axis of states, so that the fold of its
/// transitions is its present state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Subject {
    /// Existence of the pod object: `` → `Created` → `Deleting` → `Deleted`.
    Object,
    /// Phase of the pod: `` → `Pending` → `Running` → `Succeeded` | `Failed`.
    Phase,
    /// A condition of the pod: `True`, `False`, `Unknown`.
    Condition {
        /// Condition type, for example `Ready`.
        kind: Label,
    },
    /// The pod's sandbox: `Absent`, `Creating`, `Ready`, `Failed`, `Stopping`, `Stopped`.
    Sandbox,
    /// An image wanted by a container: `Pulling`, `Present`, `Failed`.
    Image {
        /// Container name.
        container: String,
    },
    /// A container, by stage: `Waiting`, `Creating`, `Running`, `Terminating`, `Exited`, `Restarting`.
    Container {
        /// Container name.
        container: String,
        /// Which start of it, 0 for the first.
        attempt: u32,
    },
    /// A hook of a container: `Running`, `Succeeded`, `Failed`.
    Hook {
        /// Container name.
        container: String,
        /// Which start of it.
        attempt: u32,
        /// Which hook.
        hook: HookKind,
    },
    /// The desired state: its generations.
    Spec {
        /// Kubernetes paths of what changed.
        fields: Vec<String>,
    },
    /// A probe of a container: `Unknown`, `Success`, `Failure`.
    Probe {
        /// Container name.
        container: String,
        /// Which start of it.
        attempt: u32,
        /// Which probe.
        probe: ProbeKind,
    },
}

/// How a container's process ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitStatus {
    /// Exit code, 128 + n for death by signal n.
    pub code: i32,
    /// Signal number, 0 if the process exited by itself.
    #[serde(default)]
    pub signal: i32,
    /// Killed for memory.
    #[serde(default)]
    pub oom_killed: bool,
}

/// Why something happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum CauseKind {
    /// A client's request.
    Request,
    /// The rules, as the consequence of an earlier change.
    #[default]
    Rule,
    /// A container's process ended.
    ContainerExit,
    /// The runtime finished an operation.
    Runtime,
    /// A hook finished.
    Hook,
    /// A probe finished.
    Probe,
    /// A back-off ran out.
    BackOff,
    /// A grace period ran out.
    GracePeriod,
    /// `activeDeadlineSeconds` ran out.
    Deadline,
    /// Found after a restart of the server or a loss of contact.
    Recovery,
}

/// Who or what caused a transition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// Why.
    pub kind: CauseKind,
    /// Who: the client's identity, or empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub actor: String,
    /// The request, or empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub request_id: String,
}

impl Cause {
    /// A cause without a person behind it.
    #[must_use]
    pub const fn of(kind: CauseKind) -> Self {
        Self {
            kind,
            actor: String::new(),
            request_id: String::new(),
        }
    }
}

/// How a fact became known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Observation {
    /// As it happened.
    #[default]
    Direct,
    /// Read from the runtime's records after a restart of the server.
    RecoveredAfterRestart,
    /// Concluded, because the runtime lost track.
    Inferred,
}

/// One recorded change of one subject.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transition {
    /// What changed.
    pub subject: Subject,
    /// State before; empty if there was none.
    pub from: Label,
    /// State after.
    pub to: Label,
    /// CamelCase reason, for example `CrashLoopBackOff`.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub reason: Label,
    /// Text for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Set when a container exited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<ExitStatus>,
    /// Why.
    pub cause: Cause,
    /// When it happened, by the kernel or the runtime where they tell.
    pub occurred_at: Timestamp,
    /// How it became known.
    pub observation: Observation,
}
