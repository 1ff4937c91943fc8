//! The OCI bundle of one container: `config.json` made of the pod's specification, the image's
//! configuration and what the sandbox has.
//!
//! Reference for the defaults: containerd `internal/cri/server/container_create_linux.go` and
//! the kubelet's `kuberuntime_container_linux.go`.

mod defaults;
mod env;
mod expand;
mod resources;
mod spec;

use std::path::PathBuf;

use thiserror::Error;

pub(crate) use env::expand_literal;
pub use env::{NodeFacts, hostname};
pub use spec::{STOP_SIGNAL, config_json};

use crate::image::ImageConfig;

/// Everything a bundle is made of, beside the pod's own specification.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Where the root file system would be mounted on the host.
    pub rootfs: PathBuf,
    /// The image's configuration.
    pub image: ImageConfig,
    /// User the process runs as, resolved within the root file system.
    pub user: ProcessUser,
    /// Network namespace; the host's if absent.
    pub network: Option<PathBuf>,
    /// IPC namespace; the host's if absent.
    pub ipc: Option<PathBuf>,
    /// UTS namespace; the host's if absent.
    pub uts: Option<PathBuf>,
    /// The pod's `hosts`, `hostname` and `resolv.conf` are here, and its `shm`.
    pub pod_files: PodFiles,
    /// Host file that is the container's termination message.
    pub termination_log: PathBuf,
    /// Cgroup, absolute within each hierarchy.
    pub cgroup: String,
    /// The node, for the downward API and the OOM score.
    pub node: NodeFacts,
}

/// Files every container of a pod sees.
#[derive(Clone, Debug)]
pub struct PodFiles {
    /// `/etc/hosts`.
    pub hosts: PathBuf,
    /// `/etc/hostname`.
    pub hostname: PathBuf,
    /// `/etc/resolv.conf`.
    pub resolv_conf: PathBuf,
    /// `/dev/shm`, shared by the pod.
    pub shm: PathBuf,
}

/// A user with its groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessUser {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Supplementary group ids.
    pub additional_gids: Vec<u32>,
}

/// The configuration of a container cannot be resolved.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BundleError {
    /// Neither the pod nor the image says what to run.
    #[error("no command specified")]
    NoCommand,
    /// A path of the container does not begin at its root.
    #[error("`{field}` must be an absolute path, not `{path}`")]
    NotAbsolute {
        /// Field of the container.
        field: &'static str,
        /// What it is.
        path: String,
    },
    /// A field the downward API cannot resolve.
    #[error("field `{path}` cannot be resolved")]
    UnknownField {
        /// Field path.
        path: String,
    },
}
