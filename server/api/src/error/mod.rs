//! Everything that can go wrong with a call, and the only place that makes a `tonic::Status`.
//!
//! ```text
//! ApiError ──► facts: code, reason, metadata ──► google.rpc.Status with exactly one ErrorInfo
//!                                                and what else fits (BadRequest, RetryInfo, …)
//! ```
//! What each reason means is written in `errors.proto`. Texts are those of the Kubernetes API
//! server where it has one.

mod facts;
mod from;
mod status;

use lifepod_lifecycle::{
    id::{PodKey, PodUid, Revision},
    validate::Violations,
};
use thiserror::Error;

pub(crate) use status::foreign;

pub(crate) type Result<T> = std::result::Result<T, ApiError>;

/// A container of a pod.
#[derive(Clone, Debug)]
pub(crate) struct ContainerName {
    pub pod: PodKey,
    pub container: String,
}

/// Why a call failed.
#[derive(Clone, Debug, Error)]
pub(crate) enum ApiError {
    #[error("pods \"{}\" not found", .0.name)]
    PodNotFound(PodKey),
    #[error("container {} is not valid for pod {}", at.container, at.pod.name)]
    ContainerNotFound {
        at: Box<ContainerName>,
        containers: Vec<String>,
    },
    #[error("{message}")]
    ImageNotFound { reference: String, message: String },
    #[error("no command `{0}` is known")]
    ExecNotFound(String),
    #[error(
        "previous terminated container \"{}\" in pod \"{}\" not found", .0.container, .0.pod.name
    )]
    PreviousLogNotFound(Box<ContainerName>),
    #[error("the log of container \"{}\" in pod \"{}\" is not there", .0.container, .0.pod.name)]
    LogNotFound(Box<ContainerName>),

    #[error("pods \"{}\" already exists", key.name)]
    PodAlreadyExists { key: PodKey, uid: Option<PodUid> },
    #[error("request id `{0}` was used for a request of other content")]
    RequestIdReused(String),

    #[error("{subject} is invalid: {violations}")]
    Validation {
        subject: String,
        violations: Box<Violations>,
    },
    #[error(
        "a container name must be specified for pod {}, choose one of: [{}]",
        pod.name,
        containers.join(" ")
    )]
    ContainerRequired {
        pod: PodKey,
        containers: Vec<String>,
    },
    #[error("{message}")]
    SelectorInvalid { selector: String, message: String },
    #[error("{field} is not a token of this server")]
    TokenInvalid { field: &'static str },
    #[error("{message}")]
    ImageReferenceInvalid { reference: String, message: String },
    #[error("the archive cannot be read: {detail}")]
    ArchiveInvalid { detail: String },
    #[error("{detail}")]
    FrameInvalid { detail: &'static str },
    #[error("request id `{0}` is not a UUID")]
    RequestIdInvalid(String),

    #[error("Precondition failed: UID in precondition: {expected}, UID in object meta: {actual}")]
    UidMismatch {
        key: PodKey,
        expected: PodUid,
        actual: PodUid,
    },
    #[error(
        "Operation cannot be fulfilled on pods \"{}\": the object has been modified; please apply \
         your changes to the latest version and try again", key.name
    )]
    RevisionMismatch {
        key: PodKey,
        expected: Revision,
        actual: Revision,
    },
    #[error("cannot exec into a container in a completed pod; current phase is {phase}")]
    PodNotRunning { key: PodKey, phase: &'static str },
    #[error("container not found (\"{}\"): it is {state}, not running", at.container)]
    ContainerNotRunning {
        at: Box<ContainerName>,
        state: String,
    },
    #[error(
        "container \"{}\" in pod \"{}\" is waiting to start: {}",
        at.container,
        at.pod.name,
        waiting_text(reason)
    )]
    ContainerWaiting {
        at: Box<ContainerName>,
        reason: String,
    },
    #[error("pod \"{}\" is being deleted", .0.name)]
    PodTerminating(PodKey),
    #[error("{message}")]
    ImageInUse {
        reference: String,
        message: String,
        containers: Vec<String>,
    },
    #[error("the position belongs to another or an emptied store")]
    EpochChanged { expected: String, actual: String },
    #[error("the position belongs to another selector")]
    SelectorMismatch,

    #[error("revision {revision} is not kept any more; the oldest that can be read is {oldest}")]
    RevisionExpired {
        revision: Revision,
        oldest: Revision,
    },
    #[error("revision {revision} does not exist yet; the newest is {newest}")]
    RevisionInFuture {
        revision: Revision,
        newest: Revision,
    },

    #[error("too many requests are waiting")]
    QueueFull,
    #[error("too many calls or streams are open; the limit is {limit}")]
    StreamLimitReached { limit: usize },
    #[error("the message is too large: {detail}")]
    MessageTooLarge { limit: usize, detail: String },

    #[error("the server is going down")]
    Draining,
    #[error("{detail}")]
    StoreUnavailable { detail: String },
    #[error("{detail}")]
    RuntimeUnavailable { detail: String },
    #[error("{detail}")]
    RegistryUnavailable { registry: String, detail: String },
    #[error("{detail}")]
    RegistryDenied {
        registry: String,
        reference: String,
        detail: String,
    },

    #[error("{rpc} is not served by this server")]
    NotServed { rpc: String },
    #[error("{what} of {rpc} is not served by this server")]
    PartNotServed {
        rpc: &'static str,
        what: &'static str,
    },
    #[error("no service `{0}`")]
    ServiceUnknown(String),
    #[error("the client's deadline passed before the answer")]
    DeadlineExceeded,
    #[error("internal error; the server's log has it under incident {incident}")]
    Internal { incident: String },
}

impl ApiError {
    /// A defect of ours: logged here under a number the client gets.
    pub(crate) fn internal(what: &str, error: &dyn std::fmt::Display) -> Self {
        let incident = uuid::Uuid::new_v4().simple().to_string();
        tracing::error!(%incident, %error, what, "a call failed for a reason of ours");
        Self::Internal { incident }
    }

    /// One field of a request is wrong.
    pub(crate) fn fields(subject: &str, violations: Violations) -> Self {
        Self::Validation {
            subject: subject.to_owned(),
            violations: Box::new(violations),
        }
    }
}

/// The kubelet's words for why a container that never ran has no log.
fn waiting_text(reason: &str) -> &str {
    match reason {
        "ErrImagePull" => "image can't be pulled",
        "ImagePullBackOff" => "trying and failing to pull image",
        other => other,
    }
}
