//! What a server said to one request, in Kubernetes' terms.

use std::collections::BTreeSet;

use lifepod_client::{Code, Error, FieldViolation, manifest::ManifestError, reasons};
use serde_json::Value;

/// The server's words for a field that Lifepod has no service for yet.
pub(super) const NOT_YET: &str = "not supported by Lifepod yet";

/// HTTP's word for a server that failed; those above it are, too.
const FAILED: u16 = 500;

/// Field and reason of a violation; how often it is told does not matter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cause {
    /// Kubernetes field path.
    pub field: String,
    /// Kubernetes cause reason.
    pub reason: String,
}

/// An answer to one request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Done; the object after it, if there is one.
    Accepted(Value),
    /// Refused by validation.
    Invalid {
        /// What Kubernetes refuses, too, if it is one of its servers that answers.
        causes: BTreeSet<Cause>,
        /// Fields that only Lifepod refuses, by name.
        by_name: BTreeSet<String>,
    },
    /// Refused for another reason.
    Refused {
        /// What HTTP says to it.
        code: u16,
        /// The words.
        message: String,
    },
}

impl Answer {
    /// From an answer of Lifepod's server.
    pub(super) fn of_error(error: &Error) -> Self {
        let Some(api) = error.api() else {
            return match error {
                Error::Manifest(error) => Self::of_manifest(error),
                // Not an answer at all: the caller's bug or a crash of the server.
                other => Self::Refused {
                    code: 0,
                    message: other.to_string(),
                },
            };
        };
        if api.reason == reasons::VALIDATION_FAILED {
            return Self::of_violations(&api.violations);
        }
        let code = match api.code {
            Code::NotFound => 404,
            Code::AlreadyExists | Code::Aborted => 409,
            Code::FailedPrecondition if api.reason == reasons::UID_MISMATCH => 409,
            Code::FailedPrecondition | Code::InvalidArgument => 400,
            Code::PermissionDenied => 403,
            Code::Unimplemented => 405,
            Code::ResourceExhausted => 429,
            // Whatever the request was, this is no answer to it.
            _ => FAILED,
        };
        Self::Refused {
            code,
            message: api.message.clone(),
        }
    }

    /// The server did not judge the request but failed over it.
    pub(super) fn is_failure(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if *code >= FAILED)
    }

    /// From the manifest parser.
    pub(super) fn of_manifest(error: &ManifestError) -> Self {
        match error {
            ManifestError::Invalid { violations, .. } => Self::of_violations(violations),
            other => Self::Refused {
                code: 400,
                message: other.to_string(),
            },
        }
    }

    pub(super) fn of_violations(violations: &[FieldViolation]) -> Self {
        let (by_name, causes): (Vec<_>, Vec<_>) = violations
            .iter()
            .partition(|violation| violation.description.ends_with(NOT_YET));
        let cause = |violation: &FieldViolation| Cause {
            field: violation.field.clone(),
            reason: violation.reason.clone(),
        };
        Self::Invalid {
            causes: causes.into_iter().map(cause).collect(),
            by_name: by_name.into_iter().map(|v| v.field.clone()).collect(),
        }
    }

    /// From a recorded answer or step.
    pub(super) fn recorded(record: &Value) -> Self {
        let code = record["http_code"].as_u64().unwrap_or_default();
        let code = u16::try_from(code).unwrap_or_default();
        if (200..300).contains(&code) {
            return Self::Accepted(record["object"].clone());
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let cause = |cause: &Value| Cause {
            field: text(&cause["field"]),
            reason: text(&cause["reason"]),
        };
        match record["causes"].as_array() {
            Some(causes) if code == 422 => Self::Invalid {
                causes: causes.iter().map(cause).collect(),
                by_name: BTreeSet::new(),
            },
            _ => Self::Refused {
                code,
                message: text(&record["message"]),
            },
        }
    }
}
