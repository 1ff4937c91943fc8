//! Entering a pod's network namespace.
//!
//! A network namespace belongs to a thread. Entering one on a thread that other code shares (a
//! tokio worker, say) would silently move that code too, so the only way in is a thread made
//! for the purpose, which ends with the work and never comes back to the host's namespace.

use super::error::NetworkError;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::{
    fs::File,
    os::{fd::AsFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
    thread,
};

/// An open network namespace; keeps it alive.
#[derive(Debug)]
pub(super) struct Namespace {
    file: File,
    path: PathBuf,
}

impl Namespace {
    /// Opens `/proc/<pid>/ns/net` or a bind mount of one.
    ///
    /// # Errors
    ///
    /// When it cannot be opened (the process is gone), or is the caller's own namespace: giving
    /// the host a pod's interfaces is never meant.
    pub(super) fn open(path: &Path) -> Result<Self, NetworkError> {
        let failed = |source| NetworkError::Namespace {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        let there = file.metadata().map_err(failed)?;
        let here = std::fs::metadata("/proc/thread-self/ns/net").map_err(failed)?;
        if (there.dev(), there.ino()) == (here.dev(), here.ino()) {
            return Err(NetworkError::HostNamespace {
                path: path.to_owned(),
            });
        }
        Ok(Self {
            file,
            path: path.to_owned(),
        })
    }

    /// Runs `work` inside the namespace, on a thread of its own.
    pub(super) fn enter<T: Send>(
        &self,
        work: impl FnOnce() -> Result<T, NetworkError> + Send,
    ) -> Result<T, NetworkError> {
        let failed = |source| NetworkError::Namespace {
            path: self.path.clone(),
            source,
        };
        thread::scope(|scope| {
            let visitor = thread::Builder::new()
                .name("pod-netns".into())
                .spawn_scoped(scope, || {
                    move_into_link_name_space(self.file.as_fd(), Some(LinkNameSpaceType::Network))
                        .map_err(|errno| failed(errno.into()))?;
                    work()
                });
            let visitor = visitor.map_err(failed)?;
            visitor
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.file.as_fd()
    }
}
