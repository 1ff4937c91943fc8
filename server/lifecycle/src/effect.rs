//! What the rules ask a driver to do.
//!
//! An effect is one durable [`OpId`] with everything the driver needs. It is never stored
//! apart: the operations a pod still owes are part of the pod's state
//! ([`crate::Pod::owed`]), so an effect can neither be lost nor start before its commit.

use std::{sync::Arc, time::Duration};

use crate::{
    id::{OpId, PodKey, PodUid},
    spec::{ContainerSpec, Handler, PodSpec},
    transition::{HookKind, ProbeKind},
};

/// The pod an effect is for, as the driver needs to know it.
#[derive(Clone, Debug)]
pub struct PodRef {
    /// Namespace and name.
    pub key: PodKey,
    /// Identity.
    pub uid: PodUid,
    /// Labels.
    pub labels: Arc<std::collections::BTreeMap<String, String>>,
    /// Annotations.
    pub annotations: Arc<std::collections::BTreeMap<String, String>>,
    /// Specification.
    pub spec: Arc<PodSpec>,
    /// Addresses of the sandbox, if it has any.
    pub ips: Vec<std::net::IpAddr>,
}

impl PodRef {
    /// The container of that name, ephemeral ones included.
    #[must_use]
    pub fn container(&self, name: &str) -> Option<&ContainerSpec> {
        self.spec.all_containers().find(|c| c.name == name)
    }
}

/// One operation with its pod.
#[derive(Clone, Debug)]
pub struct Effect {
    /// The pod.
    pub pod: PodRef,
    /// Idempotency key within the pod.
    pub op: OpId,
    /// What to do.
    pub action: Action,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Make namespaces, network and cgroup of the pod. Answers `SandboxReady` or `SandboxFailed`.
    CreateSandbox {
        /// Which sandbox of this pod, 0 for the first.
        attempt: u32,
    },
    /// Make the container's image available by its pull policy. Answers `ImageReady` or `ImageFailed`.
    EnsureImage {
        /// Container name.
        container: String,
    },
    /// Create and start a container. Answers `ContainerStarted` or `ContainerFailed`.
    StartContainer {
        /// Container name.
        container: String,
        /// Which start, 0 for the first.
        attempt: u32,
        /// Image id that `EnsureImage` answered.
        image_id: String,
    },
    /// Run a hook. Answers `HookFinished`. Abandoned when the operation is cancelled.
    RunHook {
        /// Container name.
        container: String,
        /// Which start of it.
        attempt: u32,
        /// Runtime's id of the instance.
        container_id: String,
        /// Which hook.
        hook: HookKind,
        /// What it does.
        handler: Handler,
    },
    /// Run one attempt of a probe, bounded by `timeout`: running out of it is a failure. Answers
    /// `ProbeFinished`. Attempts are not stored: after a crash the number of an operation may come
    /// again for another attempt.
    RunProbe {
        /// Container name.
        container: String,
        /// Which start of it.
        attempt: u32,
        /// Runtime's id of the instance.
        container_id: String,
        /// Which probe.
        probe: ProbeKind,
        /// What it does.
        handler: Handler,
        /// How long it may take.
        timeout: Duration,
    },
    /// Send the stop signal (image's `STOPSIGNAL`, else SIGTERM) to the container's first
    /// process. No answer: the exit is the answer.
    StopContainer {
        /// Container name.
        container: String,
        /// Which start of it.
        attempt: u32,
        /// Runtime's id of the instance.
        container_id: String,
    },
    /// Send SIGKILL to all processes of the container. No answer: the exit is the answer.
    KillContainer {
        /// Container name.
        container: String,
        /// Which start of it.
        attempt: u32,
        /// Runtime's id of the instance.
        container_id: String,
    },
    /// Remove everything that runs or is mounted for the pod. Answers `SandboxRemoved` or `CleanupFailed`.
    RemoveSandbox {
        /// Also remove the pod's files, logs included, as `PurgePod` does.
        purge: bool,
    },
    /// Remove the pod's files, logs included. Answers `PodPurged` or `CleanupFailed`.
    PurgePod,
}
