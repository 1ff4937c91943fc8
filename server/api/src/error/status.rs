//! From an error to what goes over the wire: google.rpc.Status with exactly one ErrorInfo.

use std::time::Duration;

use lifepod_lifecycle::validate::Violations;
use lifepod_proto::reasons;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use super::ApiError;

/// When to try again after an answer that says so.
const RETRY_DELAY: Duration = Duration::from_secs(1);
/// When to try again after a full queue: it empties within a turn or two.
const QUEUE_DELAY: Duration = Duration::from_millis(50);
/// Type of a pod in a ResourceInfo.
const POD_RESOURCE: &str = "lifepod.v1.Pod";
/// Type of an image in a ResourceInfo.
const IMAGE_RESOURCE: &str = "lifepod.v1.Image";

impl From<ApiError> for Status {
    fn from(error: ApiError) -> Self {
        let (code, reason) = error.code_and_reason();
        let metadata = error.metadata();
        let mut details = ErrorDetails::new();
        let owned = metadata
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value));
        details.set_error_info(
            reason,
            reasons::DOMAIN,
            owned.collect::<std::collections::HashMap<_, _>>(),
        );
        describe(&error, reason, &mut details);
        Self::with_error_details(code, error.to_string(), details)
    }
}

/// Adds what fits besides the ErrorInfo.
fn describe(error: &ApiError, reason: &str, details: &mut ErrorDetails) {
    match error {
        ApiError::Validation { violations, .. } => {
            details.set_bad_request(bad_request(violations));
        }
        ApiError::SelectorInvalid { message, .. } => {
            details.add_bad_request_violation("selector", message);
        }
        ApiError::PodNotFound(key) | ApiError::PodAlreadyExists { key, .. } => {
            details.set_resource_info(POD_RESOURCE, key.to_string(), "", error.to_string());
        }
        ApiError::ImageNotFound { reference, .. } | ApiError::ImageInUse { reference, .. } => {
            details.set_resource_info(IMAGE_RESOURCE, reference, "", error.to_string());
        }
        ApiError::UidMismatch { key, .. }
        | ApiError::RevisionMismatch { key, .. }
        | ApiError::PodNotRunning { key, .. }
        | ApiError::PodTerminating(key) => {
            details.add_precondition_failure_violation(
                reason,
                format!("{POD_RESOURCE}/{key}"),
                error.to_string(),
            );
        }
        ApiError::ContainerNotRunning { at, .. } | ApiError::ContainerWaiting { at, .. } => {
            let subject = format!("{POD_RESOURCE}/{}/{}", at.pod, at.container);
            details.add_precondition_failure_violation(reason, subject, error.to_string());
        }
        ApiError::QueueFull => {
            details.set_retry_info(Some(QUEUE_DELAY));
        }
        ApiError::StreamLimitReached { .. }
        | ApiError::Draining
        | ApiError::StoreUnavailable { .. } => {
            details.set_retry_info(Some(RETRY_DELAY));
        }
        _ => {}
    }
}

fn bad_request(violations: &Violations) -> Vec<FieldViolation> {
    let convert = |violation: &lifepod_lifecycle::validate::Violation| {
        let mut out = FieldViolation::new(&violation.field, &violation.message);
        out.reason = violation.reason.as_str().to_owned();
        out
    };
    violations.0.iter().map(convert).collect()
}

/// The error behind a status that the gRPC library made before or beside our code; it has no
/// ErrorInfo of its own. `rpc` is the full name of the call.
pub(crate) fn foreign(status: &Status, rpc: &str, message_limit: usize) -> ApiError {
    let text = status.message();
    match status.code() {
        Code::Unimplemented => ApiError::NotServed {
            rpc: rpc.to_owned(),
        },
        // What tonic answers to a message above the limit.
        Code::OutOfRange | Code::ResourceExhausted => ApiError::MessageTooLarge {
            limit: message_limit,
            detail: text.to_owned(),
        },
        Code::Cancelled | Code::DeadlineExceeded => ApiError::DeadlineExceeded,
        Code::InvalidArgument | Code::Internal if text.contains("decode") => undecodable(text),
        _ => ApiError::internal("the gRPC library answered by itself", &text),
    }
}

fn undecodable(text: &str) -> ApiError {
    let mut violations = Violations::default();
    violations.invalid("", "", text);
    ApiError::fields("the message", violations)
}
