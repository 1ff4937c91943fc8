//! Images as the API sees them.

use std::{path::PathBuf, sync::Arc};

use thiserror::Error;

use super::BoxFuture;
use crate::time::Timestamp;

/// A stored image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRecord {
    /// Digest of the image's configuration, `sha256:…`.
    pub id: String,
    /// References by tag, canonical (`docker.io/library/nginx:latest`).
    pub repo_tags: Vec<String>,
    /// References by digest.
    pub repo_digests: Vec<String>,
    /// Bytes in the content store.
    pub size: u64,
    /// When it came here.
    pub pulled_at: Timestamp,
}

/// Registry credentials.
#[derive(Clone)]
pub struct Credentials {
    /// User name.
    pub username: String,
    /// Password or token.
    pub password: String,
}

/// Progress of one layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullProgress {
    /// Layer digest.
    pub layer: String,
    /// Bytes so far.
    pub downloaded: u64,
    /// Bytes in all.
    pub total: u64,
    /// Unpacked and usable.
    pub done: bool,
}

/// Why an image operation failed.
#[derive(Clone, Debug, Error)]
pub enum ImageError {
    /// The reference cannot be parsed.
    #[error("{message}")]
    InvalidName {
        /// Text.
        message: String,
    },
    /// No such image.
    #[error("{message}")]
    NotFound {
        /// Text.
        message: String,
    },
    /// The registry refused the credentials.
    #[error("{message}")]
    Unauthorized {
        /// Text.
        message: String,
    },
    /// The registry cannot be reached.
    #[error("{message}")]
    Unavailable {
        /// Text.
        message: String,
    },
    /// A digest did not match, or the content is not an image this machine can run.
    #[error("{message}")]
    Invalid {
        /// Text.
        message: String,
    },
    /// A container uses it.
    #[error("{message}")]
    InUse {
        /// Text.
        message: String,
    },
    /// The local store failed.
    #[error("{message}")]
    Store {
        /// Text.
        message: String,
    },
    /// This runtime has no such function.
    #[error("the runtime does not offer {what}")]
    Unsupported {
        /// What.
        what: &'static str,
    },
}

/// Called for each layer now and then; must not block.
pub type ProgressSink = Arc<dyn Fn(PullProgress) + Send + Sync>;

/// The image store of a runtime.
pub trait Images: Send + Sync + 'static {
    /// Pulls an image.
    fn pull<'a>(
        &'a self,
        reference: &'a str,
        credentials: Option<Credentials>,
        progress: ProgressSink,
    ) -> BoxFuture<'a, Result<ImageRecord, ImageError>>;

    /// Loads an OCI or docker archive from a file.
    fn load<'a>(
        &'a self,
        archive: PathBuf,
        name: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Vec<ImageRecord>, ImageError>>;

    /// All images, by id.
    fn list(&self) -> BoxFuture<'_, Result<Vec<ImageRecord>, ImageError>>;

    /// One image by reference, digest reference or id.
    fn get<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Result<ImageRecord, ImageError>>;

    /// Removes a reference, and the image with its last one.
    fn remove<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Result<(), ImageError>>;
}
