//! Why a manifest could not be read.

use std::fmt;

use lifepod_proto::v1 as proto;

use crate::FieldViolation;

/// A place in a manifest's text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1; 0 when it is not known.
    pub line: usize,
    /// Column, from 1; 0 when it is not known.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.line, self.column)
    }
}

/// Why a manifest could not be read. The texts are those of Kubernetes wherever it has one.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The text is neither YAML nor JSON.
    #[error("{message}")]
    Syntax {
        /// What is wrong.
        message: String,
        /// Where.
        at: Position,
    },
    /// An object does not say what it is.
    #[error("{field} not set")]
    TypeMissing {
        /// `apiVersion` or `kind`.
        field: &'static str,
        /// Where the object begins.
        at: Position,
    },
    /// An object is something other than a Pod.
    #[error("no matches for kind \"{kind}\" in version \"{api_version}\"")]
    KindUnsupported {
        /// Its `kind`.
        kind: String,
        /// Its `apiVersion`.
        api_version: String,
        /// Its `metadata.name`.
        name: String,
        /// Its `metadata.namespace`.
        namespace: String,
        /// Where the object begins.
        at: Position,
    },
    /// Fields are unknown, given twice, or of the wrong type.
    #[error("Pod in version \"v1\" cannot be handled as a Pod: {0}")]
    Decoding(DecodingError),
    /// Values that cannot be carried, such as an unknown `restartPolicy`: what the server would answer.
    #[error("Pod \"{name}\" is invalid: {}", list(.violations))]
    Invalid {
        /// Name of the pod.
        name: String,
        /// Every such value.
        violations: Vec<FieldViolation>,
        /// Where each of them is, in the same order; for what the server found there is no place.
        at: Vec<Position>,
        /// The pod without those values: [`Pods::complete`](crate::Pods::complete) asks the server about the rest.
        rest: Box<proto::Pod>,
    },
}

impl ManifestError {
    /// Where it is; the first place when there are several.
    #[must_use]
    pub fn position(&self) -> Position {
        match self {
            Self::Syntax { at, .. }
            | Self::TypeMissing { at, .. }
            | Self::KindUnsupported { at, .. } => *at,
            Self::Decoding(DecodingError::Type { at, .. }) => *at,
            Self::Decoding(DecodingError::Strict(fields)) => {
                fields.first().map(|field| field.at).unwrap_or_default()
            }
            Self::Invalid { at, .. } => at.first().copied().unwrap_or_default(),
        }
    }
}

/// Fields that are unknown, given twice, or of the wrong type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodingError {
    /// A value is of the wrong type. Nothing else was looked at.
    Type {
        /// Kubernetes' text.
        message: String,
        /// Where.
        at: Position,
    },
    /// Fields that are unknown or given twice: all of them.
    Strict(Vec<StrictField>),
}

/// A field that is unknown or given twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StrictField {
    /// Kubernetes field path, for example `spec.containers[0].imagee`.
    pub path: String,
    /// Whether it is given twice; otherwise it is unknown.
    pub duplicate: bool,
    /// Where.
    pub at: Position,
}

impl fmt::Display for StrictField {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.duplicate {
            "duplicate"
        } else {
            "unknown"
        };
        write!(out, "{what} field \"{}\"", self.path)
    }
}

impl fmt::Display for DecodingError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type { message, .. } => out.write_str(message),
            Self::Strict(fields) => {
                out.write_str("strict decoding error: ")?;
                for (index, field) in fields.iter().enumerate() {
                    let separator = if index == 0 { "" } else { ", " };
                    write!(out, "{separator}{field}")?;
                }
                Ok(())
            }
        }
    }
}

fn list(violations: &[FieldViolation]) -> String {
    let each =
        |violation: &FieldViolation| format!("{}: {}", violation.field, violation.description);
    match violations {
        [single] => each(single),
        many => format!("[{}]", many.iter().map(each).collect::<Vec<_>>().join(", ")),
    }
}
