//! The sandbox directory and what the server asks of the shim.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What one sandbox is to be. The server writes it as `sandbox.json` before it starts the shim.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SandboxConfig {
    /// Name for logs and the `hello` answer, normally the pod uid.
    pub id: String,
    /// Hostname of the UTS namespace; the host's name if absent.
    #[serde(default)]
    pub hostname: Option<String>,
    /// Keep the host's network namespace.
    #[serde(default)]
    pub host_network: bool,
    /// Keep the host's IPC namespace.
    #[serde(default)]
    pub host_ipc: bool,
    /// The pod's own cgroup, absolute within each hierarchy: `/lifepod/<pod uid>`. Created with
    /// the sandbox, removed with it; the containers' cgroups lie below.
    pub cgroup_parent: String,
    /// Directory that becomes the pod's shared memory, `/dev/shm` of its containers. It is made and
    /// mounted where only the shim and its containers see it, and is gone with them.
    #[serde(default)]
    pub shm: Option<PathBuf>,
    /// Kernel parameters of the new namespaces: `net.core.somaxconn` → `1024`.
    #[serde(default)]
    pub sysctls: BTreeMap<String, String>,
}

/// Why the configuration of a sandbox cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read `{path}`")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is not a sandbox configuration.
    #[error("`{path}` is not a sandbox configuration")]
    Parse {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

impl SandboxConfig {
    /// Reads `sandbox.json` of a sandbox directory.
    ///
    /// # Errors
    /// [`ConfigError`] if it is missing or not understood.
    pub fn load(dir: &SandboxDir) -> Result<Self, ConfigError> {
        let path = dir.config();
        let bytes = std::fs::read(&path).map_err(|source| ConfigError::Read {
            path: path.clone(),
            source,
        })?;
        serde_json::from_slice(&bytes).map_err(|source| ConfigError::Parse { path, source })
    }
}

/// The directory of one sandbox; see the crate's front page for its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxDir(PathBuf);

impl SandboxDir {
    /// Names a directory; nothing is touched.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// What the server asked for.
    pub fn config(&self) -> PathBuf {
        self.0.join("sandbox.json")
    }

    /// Held with `flock` as long as the shim lives.
    pub fn lock(&self) -> PathBuf {
        self.0.join("shim.lock")
    }

    /// File name of the control socket. Bind and connect through `/proc/self/fd/<dir>/` because the
    /// whole path may be longer than a socket address allows.
    pub const SOCKET: &str = "shim.sock";

    /// The control socket.
    pub fn socket(&self) -> PathBuf {
        self.0.join(Self::SOCKET)
    }

    /// The shim's own log.
    pub fn log(&self) -> PathBuf {
        self.0.join("shim.log")
    }

    /// Exit records.
    pub fn exits(&self) -> PathBuf {
        self.0.join("exits")
    }
}
