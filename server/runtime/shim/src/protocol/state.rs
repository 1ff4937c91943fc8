//! What a shim knows.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{ExitRecord, UnixNanos};

/// What the starting process prints on its stdout when the sandbox exists, as one JSON object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// The shim's lasting process id.
    pub pid: i32,
    /// The sandbox's namespaces.
    pub namespaces: Namespaces,
}

/// Paths of the sandbox's namespaces, for containers and for network setup. Absent means the host's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Namespaces {
    /// Network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub net: Option<PathBuf>,
    /// IPC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipc: Option<PathBuf>,
    /// UTS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uts: Option<PathBuf>,
}

/// Everything a shim knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The shim's [`PROTOCOL_VERSION`](super::PROTOCOL_VERSION).
    pub version: u32,
    /// The sandbox's name.
    pub sandbox: String,
    /// The shim's process id.
    pub pid: i32,
    /// When the sandbox was made.
    pub created_at: UnixNanos,
    /// Its namespaces.
    pub namespaces: Namespaces,
    /// Every container not deleted, by name.
    pub containers: Vec<ContainerState>,
    /// Live execs and the latest that ended.
    pub execs: Vec<ExecState>,
}

/// One container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerState {
    /// Its name.
    pub id: String,
    /// Where it stands.
    pub status: ContainerStatus,
}

/// Where a container stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContainerStatus {
    /// Being made; the answer to `Create` is still to come.
    Creating,
    /// Its program was executed. It may have just ended, with its output still being drained.
    Running(Started),
    /// It ended.
    Exited(ExitRecord),
}

/// A program that was executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// Process id on the host.
    pub pid: i32,
    /// When.
    pub started_at: UnixNanos,
}

/// One exec.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecState {
    /// Its name.
    pub id: String,
    /// Its container.
    pub container: String,
    /// Where it stands: absent while it is being started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Started>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<ExecExit>,
}

/// How an exec ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecExit {
    /// Its name.
    pub id: String,
    /// Its container.
    pub container: String,
    /// Exit code; 128 + n for death by signal n.
    pub exit_code: i32,
    /// The deadly signal, if it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// When the shim saw it dead.
    pub finished_at: UnixNanos,
}
