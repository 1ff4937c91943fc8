//! What the engine and the ports answer, as errors of the API.

use lifepod_engine::{SubmitError, WatchEnd};
use lifepod_lifecycle::{
    Denied,
    id::Revision,
    port::{StoreError, StreamError},
};

use super::ApiError;

impl From<SubmitError> for ApiError {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::NotFound { key } => Self::PodNotFound(key),
            SubmitError::AlreadyExists { key } => Self::PodAlreadyExists { key, uid: None },
            SubmitError::UidMismatch {
                key,
                expected,
                actual,
            } => Self::UidMismatch {
                key,
                expected,
                actual,
            },
            SubmitError::RevisionMismatch {
                key,
                expected,
                actual,
            } => Self::RevisionMismatch {
                key,
                expected,
                actual,
            },
            SubmitError::RequestConflict { id } => Self::RequestIdReused(id),
            SubmitError::Denied(Denied::Deleting { key }) => Self::PodTerminating(key),
            SubmitError::Overloaded => Self::QueueFull,
            SubmitError::Unavailable { message } => Self::StoreUnavailable { detail: message },
            SubmitError::Stopping => Self::Draining,
        }
    }
}

impl ApiError {
    /// Why a reader at `position` got no further.
    pub(crate) fn of_watch(end: WatchEnd, position: Revision) -> Self {
        match end {
            WatchEnd::Compacted { oldest } => Self::RevisionExpired {
                revision: position,
                oldest: oldest.next(),
            },
            WatchEnd::Stopping => Self::Draining,
            WatchEnd::Store(StoreError::Unavailable { message }) => {
                Self::StoreUnavailable { detail: message }
            }
            WatchEnd::Store(error) => Self::internal("the journal cannot be read", &error),
        }
    }

    /// Why a stream of a container could not be opened. A container that is not running is
    /// the caller's to word, who knows the pod.
    pub(crate) fn of_stream(error: StreamError, rpc: &'static str) -> Self {
        match error {
            StreamError::Unsupported { what } => Self::PartNotServed { rpc, what },
            other => Self::RuntimeUnavailable {
                detail: other.to_string(),
            },
        }
    }
}
