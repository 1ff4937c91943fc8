//! The runtime port: makes effects true and tells facts.

use std::sync::Arc;

use thiserror::Error;

use super::BoxFuture;
use crate::{
    effect::{Effect, PodRef},
    id::PodUid,
    input::Fact,
};

/// What a runtime is.
#[derive(Clone, Debug)]
pub struct RuntimeInfo {
    /// Name, used as the scheme of container ids (`lifepod://…`).
    pub name: String,
    /// Version.
    pub version: String,
}

/// The runtime cannot be reached.
#[derive(Clone, Debug, Error)]
#[error("runtime cannot be reached: {message}")]
pub struct RuntimeLost {
    /// Why.
    pub message: String,
}

/// Where a runtime delivers facts nobody asked for, such as exits.
pub trait FactSink: Send + Sync + 'static {
    /// Delivers one fact; completes when the engine has taken it over, and waits while the engine is busy.
    fn deliver(&self, pod: PodUid, fact: Fact) -> BoxFuture<'_, ()>;
}

/// A pod the engine knows, at recovery.
#[derive(Clone, Debug)]
pub struct KnownPod {
    /// The pod.
    pub pod: PodRef,
}

/// Makes effects true.
///
/// An implementation treats `(pod uid, op)` as an idempotency key: after a crash the same
/// effect is asked for again, and then it either finishes what was begun or answers what had
/// happened.
pub trait Runtime: Send + Sync + 'static {
    /// Name and version.
    fn info(&self) -> RuntimeInfo;

    /// Finds what is there after a (re)start, re-adopts what belongs to `known`, removes what belongs
    /// to nobody, and from then on delivers unsolicited facts to `sink`. Called once, before any
    /// `perform`. Answers one `Fact::Recovered` per known pod, or `ContactLost` for one of which it cannot
    /// find out: that is recovered later.
    fn recover(
        &self,
        known: Vec<KnownPod>,
        sink: Arc<dyn FactSink>,
    ) -> BoxFuture<'_, Result<Vec<(PodUid, Fact)>, RuntimeLost>>;

    /// Performs one effect and answers its fact; `None` for effects that have no answer.
    /// Dropping the future cancels the operation: a hook's process is killed, a pull is abandoned.
    fn perform(&self, effect: Effect) -> BoxFuture<'_, Option<Fact>>;

    /// Leaves everything running and lets go of it.
    fn detach(&self) -> BoxFuture<'_, ()>;
}
