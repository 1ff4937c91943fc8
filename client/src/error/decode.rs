//! From a gRPC status to an [`Error`].

use std::error::Error as StdError;

use lifepod_proto::reasons;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::{ApiError, Error, FieldViolation, ResourceRef};

/// Decodes a status: one made by the transport, one the server sent.
pub(crate) fn decode(status: &Status) -> Error {
    if made_by_transport(status) {
        if status.code() == Code::Cancelled && status.message().contains("Timeout") {
            return Error::DeadlineExceeded;
        }
        return Error::Unreachable {
            detail: innermost(status),
        };
    }
    if status.code() == Code::DeadlineExceeded {
        return Error::DeadlineExceeded;
    }
    Error::Api(Box::new(decode_answer(status)))
}

/// A status the server sent has no source; one that stands for a broken connection has.
fn made_by_transport(status: &Status) -> bool {
    StdError::source(status).is_some()
}

/// The last error of the chain says most: "connection refused" instead of "transport error".
fn innermost(status: &Status) -> String {
    let mut error: &dyn StdError = status;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

fn decode_answer(status: &Status) -> ApiError {
    let details = status.get_error_details();
    let info = details
        .error_info()
        .filter(|info| info.domain == reasons::DOMAIN);
    ApiError {
        code: status.code(),
        reason: info.map(|info| info.reason.clone()).unwrap_or_default(),
        message: status.message().to_owned(),
        metadata: info
            .map(|info| info.metadata.clone().into_iter().collect())
            .unwrap_or_default(),
        violations: violations(status),
        resource: details.resource_info().map(|resource| ResourceRef {
            kind: resource.resource_type.clone(),
            name: resource.resource_name.clone(),
        }),
        retry_after: details.retry_info().and_then(|retry| retry.retry_delay),
    }
}

fn violations(status: &Status) -> Vec<FieldViolation> {
    let Some(bad_request) = status.get_details_bad_request() else {
        return Vec::new();
    };
    let convert = |violation: tonic_types::FieldViolation| FieldViolation {
        field: violation.field,
        reason: violation.reason,
        description: violation.description,
    };
    bad_request
        .field_violations
        .into_iter()
        .map(convert)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, time::Duration};

    use tonic_types::ErrorDetails;

    use super::*;
    use crate::error::Again;

    #[test]
    fn an_answer_keeps_reason_metadata_violations_and_retry_delay() {
        let mut details = ErrorDetails::new();
        let metadata = HashMap::from([("name".to_owned(), "web".to_owned())]);
        details
            .set_error_info(reasons::VALIDATION_FAILED, reasons::DOMAIN, metadata)
            .add_bad_request_violation("spec.containers", "Required value")
            .set_retry_info(Some(Duration::from_secs(3)));
        let status = Status::with_error_details(Code::InvalidArgument, "invalid", details);

        let Error::Api(error) = decode(&status) else {
            panic!("expected an answer");
        };
        assert_eq!(error.reason, "VALIDATION_FAILED");
        assert_eq!(error.metadata["name"], "web");
        assert_eq!(error.retry_after, Some(Duration::from_secs(3)));
        assert_eq!(error.violations[0].field, "spec.containers");
        assert!(
            error
                .to_string()
                .contains("spec.containers: Required value")
        );
    }

    #[test]
    fn a_reason_of_another_domain_is_not_ours() {
        let mut details = ErrorDetails::new();
        details.set_error_info("SERVER_DRAINING", "proxy.example", HashMap::new());
        let status = Status::with_error_details(Code::Unavailable, "no", details);
        let error = decode(&status);
        assert_eq!(error.reason(), "");
        assert_eq!(Again::after(&error), Again::Backoff);
    }

    #[test]
    fn a_broken_connection_is_transient_and_says_why() {
        let broken = std::io::Error::other("connection refused");
        let status = Status::from_error(Box::new(broken));
        let error = decode(&status);
        assert!(matches!(&error, Error::Unreachable { detail } if detail.contains("refused")));
        assert_eq!(Again::after(&error), Again::Backoff);
    }
}
