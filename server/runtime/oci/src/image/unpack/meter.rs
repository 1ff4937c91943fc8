//! Hashes, counts and limits the uncompressed archive, and stops a cancelled unpack.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::digest::{Algorithm, Digest, Hasher};
use super::super::error::ImageError;

pub(super) struct Metered<R> {
    source: R,
    hasher: Hasher,
    count: u64,
    limit: u64,
    cancel: Arc<AtomicBool>,
}

/// Reasons to stop that travel through [`Read`] as errors.
#[derive(Debug, thiserror::Error)]
enum Stop {
    #[error("cancelled")]
    Cancelled,
    #[error("larger than {0} bytes")]
    TooLarge(u64),
}

impl<R: Read> Metered<R> {
    pub(super) fn new(source: R, limit: u64, cancel: Arc<AtomicBool>) -> Self {
        Self {
            source,
            hasher: Hasher::new(Algorithm::Sha256),
            count: 0,
            limit,
            cancel,
        }
    }

    pub(super) fn finish(self) -> (Digest, u64) {
        (self.hasher.finish(), self.count)
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cancel.load(Ordering::Relaxed) {
            return Err(io::Error::other(Stop::Cancelled));
        }
        let got = self.source.read(buffer)?;
        self.hasher.update(&buffer[..got]);
        self.count += got as u64;
        if self.count > self.limit {
            return Err(io::Error::other(Stop::TooLarge(self.limit)));
        }
        Ok(got)
    }
}

/// Sorts a failed read of an archive: stopped, broken disk, or broken archive.
pub(crate) fn read_failed(error: io::Error) -> ImageError {
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(Stop::Cancelled) => return ImageError::Cancelled,
        Some(Stop::TooLarge(limit)) => {
            return ImageError::TooLarge {
                what: "uncompressed layer".to_owned(),
                limit: *limit,
            };
        }
        None => {}
    }
    // Only the kernel gives numbers; decoders and the tar reader give words.
    if error.raw_os_error().is_some() {
        return ImageError::storage("read layer", error);
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof => ImageError::malformed("layer", "it ends too early"),
        _ => ImageError::malformed("layer", error),
    }
}
