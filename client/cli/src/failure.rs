//! What is told when something goes wrong, and the exit code.

use lifepod_client::{ApiError, Code, Error, manifest::ManifestError, reasons};

/// Exit code of a process whose output nobody reads any more, as a shell shows it.
const BROKEN_PIPE: i32 = 141;

/// Why a command did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// A mistake or a local failure: `error: ...`.
    #[error("error: {0}")]
    Error(String),
    /// A text that is complete as it is.
    #[error("{0}")]
    Told(String),
    /// Everything has been told already.
    #[error("exit code {0}")]
    Exit(i32),
    /// Nobody reads stdout any more.
    #[error("nobody reads the output")]
    BrokenPipe,
}

impl Failure {
    /// The command's exit code.
    #[must_use]
    pub fn exit_code(&self) -> i32 {
        match self {
            Self::Error(_) | Self::Told(_) => 1,
            Self::Exit(code) => *code,
            Self::BrokenPipe => BROKEN_PIPE,
        }
    }

    /// The text for stderr; `None` when there is nothing to tell.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Error(_) | Self::Told(_) => Some(self.to_string()),
            Self::Exit(_) | Self::BrokenPipe => None,
        }
    }

    pub(crate) fn error(text: impl Into<String>) -> Self {
        Self::Error(text.into())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Told(told(&error, ""))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            Self::BrokenPipe
        } else {
            Self::Error(error.to_string())
        }
    }
}

/// As [`told`], for a pod whose name is known here and perhaps not in the answer.
#[must_use]
pub fn told_of(error: &Error, doing: &str, name: &str) -> String {
    match error.api() {
        Some(answer) if of(answer, "name").is_empty() => {
            let mut answer = answer.clone();
            answer.metadata.insert("name".to_owned(), name.to_owned());
            answered(&answer, doing)
        }
        _ => told(error, doing),
    }
}

/// An error in kubectl's words. `doing` stands before the message of an answer, for example
/// `error when creating "pod.yaml": `.
#[must_use]
pub fn told(error: &Error, doing: &str) -> String {
    match error {
        Error::Api(answer) => answered(answer, doing),
        Error::Unreachable { detail } => format!("error: cannot reach the server: {detail}"),
        Error::DeadlineExceeded => "error: context deadline exceeded".to_owned(),
        Error::Manifest(error) => manifest(error, "", doing),
        Error::Io { what, source } => format!("error: {what}: {source}"),
        Error::OutcomeUnknown { source } => {
            let why = source
                .as_ref()
                .map(|source| format!(": {source}"))
                .unwrap_or_default();
            format!("error: {error}{why}")
        }
        error => format!("error: {error}"),
    }
}

fn answered(answer: &ApiError, doing: &str) -> String {
    if answer.reason == reasons::VALIDATION_FAILED && !answer.violations.is_empty() {
        let violations = answer
            .violations
            .iter()
            .map(|violation| format!("{}: {}", violation.field, violation.description));
        return invalid(of(answer, "name"), &violations.collect::<Vec<_>>());
    }
    format!(
        "Error from server ({}): {doing}{}",
        kind(answer),
        message(answer)
    )
}

/// How kubectl tells that fields of a pod are wrong.
#[must_use]
pub fn invalid(name: &str, violations: &[String]) -> String {
    match violations {
        [single] => format!("The Pod \"{name}\" is invalid: {single}"),
        many => format!("The Pod \"{name}\" is invalid: \n* {}", many.join("\n* ")),
    }
}

fn of<'a>(answer: &'a ApiError, key: &str) -> &'a str {
    answer.metadata.get(key).map_or("", String::as_str)
}

/// Kubernetes' word for the kind of an answer.
fn kind(answer: &ApiError) -> &'static str {
    match answer.code {
        Code::NotFound => "NotFound",
        Code::AlreadyExists => "AlreadyExists",
        Code::Aborted => "Conflict",
        Code::PermissionDenied => "Forbidden",
        Code::Unauthenticated => "Unauthorized",
        Code::ResourceExhausted => "TooManyRequests",
        Code::Unavailable => "ServiceUnavailable",
        Code::Unimplemented => "NotImplemented",
        Code::OutOfRange => "Expired",
        Code::DeadlineExceeded => "Timeout",
        Code::InvalidArgument | Code::FailedPrecondition => "BadRequest",
        _ => "InternalError",
    }
}

/// The message of an answer, in Kubernetes' words where it has some.
#[must_use]
pub fn message(answer: &ApiError) -> String {
    let (name, container) = (of(answer, "name"), of(answer, "container"));
    match answer.reason.as_str() {
        reasons::POD_NOT_FOUND => format!("pods \"{name}\" not found"),
        reasons::POD_ALREADY_EXISTS => format!("pods \"{name}\" already exists"),
        reasons::REVISION_MISMATCH => format!(
            "Operation cannot be fulfilled on pods \"{name}\": the object has been modified; please apply your \
             changes to the latest version and try again"
        ),
        reasons::CONTAINER_WAITING => {
            let why = match of(answer, "reason") {
                "ErrImagePull" => "image can't be pulled",
                "ImagePullBackOff" => "trying and failing to pull image",
                reason => reason,
            };
            format!("container \"{container}\" in pod \"{name}\" is waiting to start: {why}")
        }
        reasons::LOG_NOT_FOUND => {
            format!("previous terminated container \"{container}\" in pod \"{name}\" not found")
        }
        _ => answer.message.clone(),
    }
}

/// A manifest that cannot be read, in kubectl's words, and where in the text that is.
#[must_use]
pub fn manifest(error: &ManifestError, file: &str, doing: &str) -> String {
    let text = match error {
        ManifestError::Syntax { message, .. } => {
            let converting = if message.starts_with("yaml:") {
                "error converting YAML to JSON: "
            } else {
                ""
            };
            format!("error: error parsing {file}: {converting}{message}")
        }
        ManifestError::TypeMissing { field, .. } => format!(
            "error: error validating \"{file}\": error validating data: {field} not set; if you choose to ignore \
             these errors, turn validation off with --validate=false"
        ),
        ManifestError::KindUnsupported {
            name, namespace, ..
        } => format!(
            "error: resource mapping not found for name: \"{name}\" namespace: \"{namespace}\" from \"{file}\": \
             {error}\nensure CRDs are installed first"
        ),
        ManifestError::Invalid {
            name, violations, ..
        } => {
            let each = violations
                .iter()
                .map(|violation| format!("{}: {}", violation.field, violation.description));
            invalid(name, &each.collect::<Vec<_>>())
        }
        error => format!("Error from server (BadRequest): {doing}{error}"),
    };
    let at = error.position();
    if at.line == 0 || file.is_empty() {
        return text;
    }
    format!("{text}\n  at {file}:{at}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn answer(code: Code, reason: &str, metadata: &[(&str, &str)]) -> Error {
        let metadata: BTreeMap<_, _> = metadata
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        Error::Api(Box::new(ApiError {
            code,
            reason: reason.to_owned(),
            message: "as the server says".to_owned(),
            metadata,
            violations: Vec::new(),
            resource: None,
            retry_after: None,
        }))
    }

    #[test]
    fn answers_are_told_in_kubectls_words() {
        let missing = answer(Code::NotFound, reasons::POD_NOT_FOUND, &[("name", "web")]);
        assert_eq!(
            told(&missing, ""),
            "Error from server (NotFound): pods \"web\" not found"
        );
        let taken = answer(
            Code::AlreadyExists,
            reasons::POD_ALREADY_EXISTS,
            &[("name", "web")],
        );
        assert_eq!(
            told(&taken, "error when creating \"a.yaml\": "),
            "Error from server (AlreadyExists): error when creating \"a.yaml\": pods \"web\" already exists"
        );
        let waiting = answer(
            Code::FailedPrecondition,
            reasons::CONTAINER_WAITING,
            &[
                ("name", "web"),
                ("container", "app"),
                ("reason", "ErrImagePull"),
            ],
        );
        assert_eq!(
            told(&waiting, ""),
            "Error from server (BadRequest): container \"app\" in pod \"web\" is waiting to start: image can't be pulled"
        );
        let other = answer(Code::Internal, reasons::INTERNAL, &[]);
        assert_eq!(
            told(&other, ""),
            "Error from server (InternalError): as the server says"
        );
    }
}
