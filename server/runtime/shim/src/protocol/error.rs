//! Why a request failed.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Kinds of failure, by what the caller can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The request itself is wrong.
    InvalidRequest,
    /// The client speaks another protocol version.
    UnsupportedVersion,
    /// The bundle asks for something this runtime does not do; it is named.
    Unsupported,
    /// No such container or exec.
    NotFound,
    /// The name is taken.
    AlreadyExists,
    /// The container has ended or is not started yet.
    NotRunning,
    /// The program does not exist in the container.
    ExecutableNotFound,
    /// The program exists and cannot be executed.
    ExecutableNotPermitted,
    /// The container or program could not be set up.
    StartFailed,
    /// The shim is shutting down.
    ShuttingDown,
    /// The machine failed.
    Io,
}

/// A failed request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Error)]
#[error("{message}")]
pub struct Failure {
    /// What kind.
    pub code: ErrorCode,
    /// For people.
    pub message: String,
}

impl Failure {
    /// Puts the two together.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}
