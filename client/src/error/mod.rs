//! What can go wrong, by what a caller can do about it.

mod again;
mod decode;

use std::{collections::BTreeMap, fmt, io, time::Duration};

use tonic::Code;

use crate::manifest::ManifestError;

pub(crate) use again::Again;
pub(crate) use decode::decode;

/// Any failure of the SDK.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text names no server. Correct it.
    #[error("invalid endpoint `{endpoint}`: {detail}")]
    InvalidEndpoint {
        /// The text.
        endpoint: String,
        /// What is wrong with it.
        detail: &'static str,
    },
    /// The server could not be reached, or the connection broke before the answer came. It may not be running, or not
    /// there.
    #[error("cannot reach the server: {detail}")]
    Unreachable {
        /// What the transport said.
        detail: String,
    },
    /// No answer within the client's deadline. The request may have had its effect.
    #[error("no answer within the deadline")]
    DeadlineExceeded,
    /// The server answered with an error.
    #[error(transparent)]
    Api(Box<ApiError>),
    /// The server broke its contract. Nobody can do anything but report it.
    #[error("the server broke the protocol: {detail}")]
    Protocol {
        /// In which way.
        detail: &'static str,
    },
    /// A command's stream ended before its outcome was known. It may have run, and may still be running.
    #[error("the stream ended before the command's outcome was known")]
    OutcomeUnknown {
        /// Why the stream ended, when something said so.
        #[source]
        source: Option<Box<Error>>,
    },
    /// A manifest could not be read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A local file or stream failed.
    #[error("{what}")]
    Io {
        /// What was being done.
        what: String,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// The server's answer, when it was one.
    #[must_use]
    pub fn api(&self) -> Option<&ApiError> {
        match self {
            Self::Api(error) => Some(error),
            Self::OutcomeUnknown {
                source: Some(error),
            } => error.api(),
            _ => None,
        }
    }

    /// Reason of the server's answer, one of [`reasons`](crate::reasons); empty when there is none.
    #[must_use]
    pub fn reason(&self) -> &str {
        self.api().map_or("", |error| error.reason.as_str())
    }

    /// Whether the server said that something does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.api().is_some_and(|error| error.code == Code::NotFound)
    }

    /// Whether the server said that the name is taken.
    #[must_use]
    pub fn is_already_exists(&self) -> bool {
        self.api()
            .is_some_and(|error| error.code == Code::AlreadyExists)
    }
}

/// An error the server answered with.
#[derive(Clone, Debug)]
pub struct ApiError {
    /// The gRPC code.
    pub code: Code,
    /// One of [`reasons`](crate::reasons), or empty when the answer did not come from Lifepod itself.
    pub reason: String,
    /// Text for people.
    pub message: String,
    /// The dynamic values of the message, by name.
    pub metadata: BTreeMap<String, String>,
    /// Every field of the request that was wrong.
    pub violations: Vec<FieldViolation>,
    /// The resource in question, when the server named one.
    pub resource: Option<ResourceRef>,
    /// When to try again, when the server said so.
    pub retry_after: Option<Duration>,
}

/// A field of a request that was wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldViolation {
    /// Kubernetes field path, for example `spec.containers[0].image`.
    pub field: String,
    /// Kubernetes' cause, for example `FieldValueRequired`. May be empty.
    pub reason: String,
    /// Kubernetes' text, for example `Required value`.
    pub description: String,
}

/// A resource an error is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceRef {
    /// Its type, for example `pods`.
    pub kind: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for ApiError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.message.is_empty() {
            write!(out, "{}", self.code)?;
        } else {
            out.write_str(&self.message)?;
        }
        for violation in &self.violations {
            write!(out, "\n* {}: {}", violation.field, violation.description)?;
        }
        Ok(())
    }
}

impl std::error::Error for ApiError {}
