//! A broken promise.

use std::fmt;

/// What the server promises of every watch; see `docs/guarantees.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Guarantee {
    /// Revisions rise.
    Ordered,
    /// No revision comes twice, nor again after a resume.
    Unique,
    /// No revision of a selected pod is missing.
    Reliable,
    /// A revision comes whole, with the pod as it was right after it.
    Atomic,
    /// A watch goes on where it stopped.
    Resumable,
    /// After a bookmark at a revision nothing at or below it comes.
    Bookmarkable,
    /// Each transition of a subject begins where the one before it ended.
    Complete,
    /// What Kubernetes promises of a pod's life: terminal phases stay, counts never fall, a deletion is never taken back,
    /// nothing happens after the end.
    Lifecycle,
}

/// One broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which promise.
    pub guarantee: Guarantee,
    /// Revision at which it was noticed.
    pub revision: u64,
    /// Name of the pod, empty when it is about the stream.
    pub pod: String,
    /// What was wrong.
    pub detail: String,
}

impl Violation {
    pub(super) fn of_stream(guarantee: Guarantee, revision: u64, detail: String) -> Self {
        Self::of_pod(guarantee, revision, "", detail)
    }

    pub(super) fn of_pod(guarantee: Guarantee, revision: u64, pod: &str, detail: String) -> Self {
        Self {
            guarantee,
            revision,
            pod: pod.to_owned(),
            detail,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "not {:?} at revision {}",
            self.guarantee, self.revision
        )?;
        if !self.pod.is_empty() {
            write!(out, ", pod {}", self.pod)?;
        }
        write!(out, ": {}", self.detail)
    }
}
