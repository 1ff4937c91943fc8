//! What the rules are told: commands, facts, time.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    id::OpId,
    spec::PodSpec,
    status::Truth,
    time::Timestamp,
    transition::{Cause, ExitStatus, Observation},
};

/// One input of [`crate::Pod::step`].
#[derive(Clone, Debug)]
pub enum Input {
    /// An intent, which may be denied.
    Command(Command, Cause),
    /// Something that happened; never denied, and without effect if late or repeated.
    Fact(Fact),
    /// Time passed: a deadline of [`crate::Pod::next_deadline`] may be due.
    Tick,
    /// The rules asked to go on ([`crate::Verdict::more`]); carries the cause of what came before.
    Continue(Cause),
}

/// An intent.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Delete the pod.
    Delete {
        /// Grace period; the pod's own if absent. Negative counts as one second.
        grace: Option<i64>,
    },
    /// Change metadata, the specification, or foreign conditions.
    Update(Box<Update>),
}

/// What an update makes of a pod; what is absent stays. Admission has checked it: only what may
/// change differs, and of the specification nothing else is taken over.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Update {
    /// All labels.
    pub labels: Option<BTreeMap<String, String>>,
    /// All annotations.
    pub annotations: Option<BTreeMap<String, String>>,
    /// All finalizers.
    pub finalizers: Option<Vec<String>>,
    /// The whole specification as it shall be. Images of init and regular containers,
    /// `activeDeadlineSeconds`, appended ephemeral containers and [`crate::spec::PodSpec::extra`] are
    /// taken from it.
    pub spec: Option<PodSpec>,
    /// Conditions of types that the rules do not own (readiness gates): all of them.
    pub conditions: Option<Vec<ForeignCondition>>,
}

/// A condition that a client sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignCondition {
    /// Type.
    pub kind: String,
    /// Whether it holds.
    pub status: Truth,
    /// CamelCase reason, or empty.
    pub reason: String,
    /// Text for people.
    pub message: String,
}

/// Why an image could not be made available; the names are Kubernetes waiting reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImageFailure {
    /// The pull failed.
    ErrImagePull,
    /// Policy `Never`, image absent.
    ErrImageNeverPull,
    /// The reference cannot be parsed.
    InvalidImageName,
    /// The local store failed.
    ImageInspectError,
    /// The registry cannot be reached.
    RegistryUnavailable,
    /// A digest or signature did not match.
    SignatureValidationFailed,
}

impl ImageFailure {
    /// The Kubernetes waiting reason.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ErrImagePull => "ErrImagePull",
            Self::ErrImageNeverPull => "ErrImageNeverPull",
            Self::InvalidImageName => "InvalidImageName",
            Self::ImageInspectError => "ImageInspectError",
            Self::RegistryUnavailable => "RegistryUnavailable",
            Self::SignatureValidationFailed => "SignatureValidationFailed",
        }
    }
}

/// At which step a start failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StartFailure {
    /// The configuration cannot be resolved (`CreateContainerConfigError`).
    Config,
    /// The runtime could not create the container (`CreateContainerError`).
    Create,
    /// The runtime could not start the process (`RunContainerError`; the instance exited 128 `StartError`).
    Start,
}

/// How a hook or probe ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// As wanted.
    Success,
    /// As wanted, with a remark: a probe was redirected to another host (`ProbeWarning`), or an HTTPS
    /// hook was answered in clear text (`LifecycleHTTPFallback`).
    Warning {
        /// The remark: the text of the event.
        message: String,
    },
    /// Not as wanted.
    Failure {
        /// What it said.
        message: String,
    },
    /// It could not be run. Of a probe this says nothing about the container.
    Error {
        /// Why.
        message: String,
    },
}

/// How a pulled image was obtained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImageSource {
    /// It was there.
    Present,
    /// It was pulled.
    Pulled {
        /// How long the pull took.
        took: Duration,
        /// How long it took including the wait for other pulls.
        waited: Duration,
        /// Bytes.
        size: u64,
    },
}

/// An exited or running instance of a container, as the runtime tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceFacts {
    /// Container name.
    pub container: String,
    /// Which start of it.
    pub attempt: u32,
    /// Runtime's id of the instance.
    pub container_id: String,
    /// When it started.
    pub started_at: Timestamp,
    /// Set if it has ended.
    pub exit: Option<Exit>,
}

/// The end of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// Code, signal, memory.
    pub status: ExitStatus,
    /// When, by the kernel's word.
    pub finished_at: Timestamp,
    /// Termination message, already bounded by the runtime to 4096 bytes.
    pub message: String,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Fact {
    /// Result of `CreateSandbox`.
    SandboxReady {
        /// Operation.
        op: OpId,
        /// Addresses of the pod.
        ips: Vec<IpAddr>,
    },
    /// Result of `CreateSandbox`.
    SandboxFailed {
        /// Operation.
        op: OpId,
        /// Why.
        message: String,
    },
    /// The sandbox is gone without having been asked to.
    SandboxLost {
        /// What is known of it.
        message: String,
    },
    /// `EnsureImage` begins to pull.
    ImagePulling {
        /// Operation.
        op: OpId,
    },
    /// Result of `EnsureImage`.
    ImageReady {
        /// Operation.
        op: OpId,
        /// Runtime's id of the image.
        image_id: String,
        /// Reference by digest, for `status.imageID`.
        image_ref: String,
        /// Present or pulled.
        source: ImageSource,
    },
    /// Result of `EnsureImage`.
    ImageFailed {
        /// Operation.
        op: OpId,
        /// Kind.
        failure: ImageFailure,
        /// Runtime's text.
        message: String,
    },
    /// Result of `StartContainer`.
    ContainerStarted {
        /// Operation.
        op: OpId,
        /// Runtime's id of the instance.
        container_id: String,
        /// When, by the runtime's word.
        at: Timestamp,
    },
    /// Result of `StartContainer`.
    ContainerFailed {
        /// Operation.
        op: OpId,
        /// At which step.
        failure: StartFailure,
        /// Runtime's id of the instance, if one was made.
        container_id: String,
        /// Runtime's text.
        message: String,
    },
    /// An instance ended.
    ContainerExited {
        /// Container name.
        container: String,
        /// Which start of it.
        attempt: u32,
        /// Runtime's id of the instance.
        container_id: String,
        /// When it started.
        started_at: Timestamp,
        /// How.
        exit: Exit,
        /// How it became known.
        observation: Observation,
    },
    /// Result of `RunHook`.
    HookFinished {
        /// Operation.
        op: OpId,
        /// How.
        outcome: Outcome,
    },
    /// Result of `RunProbe`.
    ProbeFinished {
        /// Operation.
        op: OpId,
        /// How.
        outcome: Outcome,
    },
    /// Result of `RemoveSandbox`.
    SandboxRemoved {
        /// Operation.
        op: OpId,
        /// The pod's files are gone too.
        purged: bool,
    },
    /// Result of `RemoveSandbox` or `PurgePod` when it could not be done; it is tried again.
    CleanupFailed {
        /// Operation.
        op: OpId,
        /// Why.
        message: String,
    },
    /// Result of `PurgePod`.
    PodPurged {
        /// Operation.
        op: OpId,
    },
    /// The runtime or the pod's shim cannot be reached. Nothing of the pod is known until
    /// `ContactRestored` or `Recovered`.
    ContactLost {
        /// Why.
        message: String,
    },
    /// The pod can be reached again, and nothing was missed.
    ContactRestored,
    /// What the runtime holds of this pod: told once after the server started, and after contact was
    /// lost. An instance that is not listed is gone.
    Recovered {
        /// Addresses if the sandbox lives, none if it is gone.
        sandbox: Option<Vec<IpAddr>>,
        /// Every instance the runtime has records of.
        instances: Vec<InstanceFacts>,
    },
}
