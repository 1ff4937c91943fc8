//! Code, published reason and metadata of every error. The matches are exhaustive on purpose:
//! a new error does not compile before it has all three.

use lifepod_lifecycle::id::PodKey;
use lifepod_proto::reasons;
use tonic::Code;

use super::{ApiError, ContainerName};

type Metadata = Vec<(&'static str, String)>;

impl ApiError {
    pub(super) const fn code_and_reason(&self) -> (Code, &'static str) {
        match self {
            Self::PodNotFound(_) => (Code::NotFound, reasons::POD_NOT_FOUND),
            Self::ContainerNotFound { .. } => (Code::NotFound, reasons::CONTAINER_NOT_FOUND),
            Self::ImageNotFound { .. } => (Code::NotFound, reasons::IMAGE_NOT_FOUND),
            Self::ExecNotFound(_) => (Code::NotFound, reasons::EXEC_NOT_FOUND),
            Self::PreviousLogNotFound(_) | Self::LogNotFound(_) => {
                (Code::FailedPrecondition, reasons::LOG_NOT_FOUND)
            }
            Self::PodAlreadyExists { .. } => (Code::AlreadyExists, reasons::POD_ALREADY_EXISTS),
            Self::RequestIdReused(_) => (Code::AlreadyExists, reasons::REQUEST_ID_REUSED),
            Self::Validation { .. } => (Code::InvalidArgument, reasons::VALIDATION_FAILED),
            Self::ContainerRequired { .. } => (Code::InvalidArgument, reasons::CONTAINER_REQUIRED),
            Self::SelectorInvalid { .. } => (Code::InvalidArgument, reasons::SELECTOR_INVALID),
            Self::TokenInvalid { .. } => (Code::InvalidArgument, reasons::TOKEN_INVALID),
            Self::ImageReferenceInvalid { .. } => {
                (Code::InvalidArgument, reasons::IMAGE_REFERENCE_INVALID)
            }
            Self::ArchiveInvalid { .. } => (Code::InvalidArgument, reasons::ARCHIVE_INVALID),
            Self::FrameInvalid { .. } => (Code::InvalidArgument, reasons::FRAME_INVALID),
            Self::RequestIdInvalid(_) => (Code::InvalidArgument, reasons::REQUEST_ID_INVALID),
            Self::UidMismatch { .. } => (Code::FailedPrecondition, reasons::UID_MISMATCH),
            Self::RevisionMismatch { .. } => (Code::Aborted, reasons::REVISION_MISMATCH),
            Self::PodNotRunning { .. } => (Code::FailedPrecondition, reasons::POD_NOT_RUNNING),
            Self::ContainerNotRunning { .. } => {
                (Code::FailedPrecondition, reasons::CONTAINER_NOT_RUNNING)
            }
            Self::ContainerWaiting { .. } => (Code::FailedPrecondition, reasons::CONTAINER_WAITING),
            Self::PodTerminating(_) => (Code::FailedPrecondition, reasons::POD_TERMINATING),
            Self::ImageInUse { .. } => (Code::FailedPrecondition, reasons::IMAGE_IN_USE),
            Self::EpochChanged { .. } => (Code::FailedPrecondition, reasons::EPOCH_CHANGED),
            Self::SelectorMismatch => (Code::FailedPrecondition, reasons::SELECTOR_MISMATCH),
            Self::RevisionExpired { .. } => (Code::OutOfRange, reasons::REVISION_EXPIRED),
            Self::RevisionInFuture { .. } => (Code::OutOfRange, reasons::REVISION_IN_FUTURE),
            Self::QueueFull => (Code::ResourceExhausted, reasons::QUEUE_FULL),
            Self::StreamLimitReached { .. } => {
                (Code::ResourceExhausted, reasons::STREAM_LIMIT_REACHED)
            }
            Self::MessageTooLarge { .. } => (Code::ResourceExhausted, reasons::MESSAGE_TOO_LARGE),
            Self::Draining => (Code::Unavailable, reasons::SERVER_DRAINING),
            Self::StoreUnavailable { .. } => (Code::Unavailable, reasons::STORE_UNAVAILABLE),
            Self::RuntimeUnavailable { .. } => (Code::Unavailable, reasons::RUNTIME_UNAVAILABLE),
            Self::RegistryUnavailable { .. } => (Code::Unavailable, reasons::REGISTRY_UNAVAILABLE),
            Self::RegistryDenied { .. } => (Code::PermissionDenied, reasons::REGISTRY_DENIED),
            Self::NotServed { .. } | Self::PartNotServed { .. } => {
                (Code::Unimplemented, reasons::RPC_NOT_SERVED)
            }
            // What grpc.health.v1 asks for.
            Self::ServiceUnknown(_) => (Code::NotFound, reasons::RPC_NOT_SERVED),
            Self::DeadlineExceeded => (Code::DeadlineExceeded, reasons::DEADLINE_EXCEEDED),
            Self::Internal { .. } => (Code::Internal, reasons::INTERNAL),
        }
    }

    /// Every dynamic value of the message.
    pub(super) fn metadata(&self) -> Metadata {
        match self {
            Self::PodNotFound(key) | Self::PodTerminating(key) => pod(key, []),
            Self::PodAlreadyExists { key, uid } => {
                let uid = uid.as_ref().map(ToString::to_string).unwrap_or_default();
                pod(key, [("uid", uid)])
            }
            Self::ContainerNotFound { at, containers } => {
                container(at, [("containers", containers.join(","))])
            }
            Self::ContainerRequired {
                pod: key,
                containers,
            } => pod(key, [("containers", containers.join(","))]),
            Self::PreviousLogNotFound(at) | Self::LogNotFound(at) => container(at, []),
            Self::ContainerNotRunning { at, state } => container(at, [("state", state.clone())]),
            Self::ContainerWaiting { at, reason } => container(at, [("reason", reason.clone())]),
            Self::PodNotRunning { key, phase } => pod(key, [("phase", (*phase).to_owned())]),
            Self::UidMismatch {
                key,
                expected,
                actual,
            } => pod(key, versus(expected, actual)),
            Self::RevisionMismatch {
                key,
                expected,
                actual,
            } => pod(key, versus(expected, actual)),
            Self::EpochChanged { expected, actual } => versus(expected, actual).to_vec(),
            Self::RevisionExpired { revision, oldest } => vec![
                ("revision", revision.to_string()),
                ("oldest_revision", oldest.to_string()),
            ],
            Self::RevisionInFuture { revision, newest } => vec![
                ("revision", revision.to_string()),
                ("newest_revision", newest.to_string()),
            ],
            Self::ImageNotFound { reference, .. }
            | Self::ImageReferenceInvalid { reference, .. } => one("reference", reference),
            Self::ImageInUse {
                reference,
                containers,
                ..
            } => vec![
                ("reference", reference.clone()),
                ("containers", containers.join(",")),
            ],
            Self::RegistryUnavailable { registry, detail } => {
                vec![("registry", registry.clone()), ("detail", detail.clone())]
            }
            Self::RegistryDenied {
                registry,
                reference,
                detail,
            } => vec![
                ("registry", registry.clone()),
                ("reference", reference.clone()),
                ("detail", detail.clone()),
            ],
            Self::ExecNotFound(id) => one("exec_id", id),
            Self::RequestIdReused(id) | Self::RequestIdInvalid(id) => one("request_id", id),
            Self::SelectorInvalid { selector, .. } => one("selector", selector),
            Self::TokenInvalid { field } => one("field", field),
            Self::FrameInvalid { detail } => one("detail", detail),
            Self::ArchiveInvalid { detail }
            | Self::StoreUnavailable { detail }
            | Self::RuntimeUnavailable { detail } => one("detail", detail),
            Self::StreamLimitReached { limit } | Self::MessageTooLarge { limit, .. } => {
                one("limit", &limit.to_string())
            }
            Self::ServiceUnknown(rpc) | Self::NotServed { rpc } => one("rpc", rpc),
            Self::PartNotServed { rpc, what } => {
                vec![("rpc", (*rpc).to_owned()), ("part", (*what).to_owned())]
            }
            Self::Internal { incident } => one("incident", incident),
            Self::Validation { .. }
            | Self::SelectorMismatch
            | Self::QueueFull
            | Self::Draining
            | Self::DeadlineExceeded => Vec::new(),
        }
    }
}

fn one(key: &'static str, value: &str) -> Metadata {
    vec![(key, value.to_owned())]
}

fn versus(expected: &impl ToString, actual: &impl ToString) -> [(&'static str, String); 2] {
    [
        ("expected", expected.to_string()),
        ("actual", actual.to_string()),
    ]
}

fn pod<const N: usize>(key: &PodKey, more: [(&'static str, String); N]) -> Metadata {
    let of_pod = [
        ("namespace", key.namespace.to_string()),
        ("name", key.name.to_string()),
    ];
    of_pod.into_iter().chain(more).collect()
}

fn container<const N: usize>(at: &ContainerName, more: [(&'static str, String); N]) -> Metadata {
    let mut metadata = pod(&at.pod, [("container", at.container.clone())]);
    metadata.extend(more);
    metadata
}
