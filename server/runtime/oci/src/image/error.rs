//! What can go wrong with images, by what the caller can do about it.
//!
//! Every error is `Clone`, because several pods may wait for one pull and each gets the same answer. The text
//! is complete in itself, since it ends up in a pod's status.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An image could not be named, fetched, checked, stored or removed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ImageError {
    /// The reference cannot be parsed. The text is the one Kubernetes users know.
    #[error(
        "Failed to apply default image tag {image:?}: couldn't parse image name {image:?}: {reason}"
    )]
    InvalidImageName { image: String, reason: String },
    /// The registry answered that there is no such image (or no such blob of it).
    #[error("image `{image}` not found: {detail}")]
    NotFound { image: String, detail: String },
    /// The registry wants other credentials, or hides the image from these.
    #[error(
        "access to image `{image}` denied: the repository does not exist or needs credentials: {detail}"
    )]
    Unauthorized { image: String, detail: String },
    /// No registry endpoint could be reached or none was able to serve; worth a retry.
    #[error("registry for image `{image}` is unavailable: {detail}")]
    Unavailable { image: String, detail: String },
    /// The registry refused the request for another reason.
    #[error("registry refused image `{image}`: {detail}")]
    Refused { image: String, detail: String },
    /// Content is not what its digest or its size promises.
    #[error("{what} failed verification: expected {expected}, got {actual}")]
    VerificationFailed {
        what: String,
        expected: String,
        actual: String,
    },
    /// Well-formed, but nothing this runtime can run.
    #[error("unsupported image: {reason}")]
    Unsupported { reason: String },
    /// A manifest, config, layer or archive breaks its format.
    #[error("{what} is malformed: {reason}")]
    Malformed { what: String, reason: String },
    /// A limit on size or count was met.
    #[error("{what} exceeds the limit of {limit}")]
    TooLarge { what: String, limit: u64 },
    /// The local store holds no such image.
    #[error("no such image: `{image}`")]
    NotPresent { image: String },
    /// The image cannot be deleted while containers stand on it.
    #[error("image `{image}` is in use by {} container(s)", snapshots.len())]
    InUse {
        image: String,
        snapshots: Vec<PathBuf>,
    },
    /// The configuration makes no sense.
    #[error("`{field}`: {reason}")]
    InvalidConfig { field: String, reason: String },
    /// The operation was given up before it ended.
    #[error("the operation was cancelled")]
    Cancelled,
    /// The local file system failed.
    #[error("{action}: {cause}")]
    Storage {
        action: String,
        cause: Arc<io::Error>,
    },
}

impl ImageError {
    /// The waiting reason Kubernetes gives a container whose image fails this way.
    pub fn waiting_reason(&self) -> &'static str {
        match self {
            Self::InvalidImageName { .. } => "InvalidImageName",
            Self::Unavailable { .. } => "RegistryUnavailable",
            _ => "ErrImagePull",
        }
    }

    pub(crate) fn malformed(what: impl Into<String>, reason: impl ToString) -> Self {
        Self::Malformed {
            what: what.into(),
            reason: reason.to_string(),
        }
    }

    pub(crate) fn unsupported(reason: impl Into<String>) -> Self {
        Self::Unsupported {
            reason: reason.into(),
        }
    }

    pub(crate) fn storage(action: impl Into<String>, cause: impl Into<io::Error>) -> Self {
        Self::Storage {
            action: action.into(),
            cause: Arc::new(cause.into()),
        }
    }
}

/// Names the path in a failed file operation.
pub(crate) trait At<T> {
    fn at(self, action: &str, path: &Path) -> Result<T, ImageError>;
}

impl<T, E: Into<io::Error>> At<T> for Result<T, E> {
    fn at(self, action: &str, path: &Path) -> Result<T, ImageError> {
        self.map_err(|error| ImageError::storage(format!("{action} `{}`", path.display()), error))
    }
}
