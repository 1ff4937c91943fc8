//! What enters the loop, and what comes back.

use std::sync::Arc;

use lifepod_lifecycle::{
    Denied, NewPod, Pod,
    id::{OpId, PodKey, PodUid, Revision},
    input::{Fact, Update},
};
use thiserror::Error;
use tokio::sync::oneshot;

/// Makes a repeated mutation harmless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestKey {
    /// The client's id of the request.
    pub id: String,
    /// Hash of its content: the same id with other content is a conflict.
    pub fingerprint: u64,
}

/// The pod a mutation is for.
#[derive(Clone, Debug)]
pub struct Target {
    /// Namespace and name.
    pub key: PodKey,
    /// Only if it is this very pod.
    pub uid: Option<PodUid>,
    /// Only if this was its last change.
    pub revision: Option<Revision>,
}

/// A mutation that is durable.
#[derive(Clone, Debug)]
pub struct Committed {
    /// The pod right after it.
    pub pod: Arc<Pod>,
    /// Newest revision that belongs to it.
    pub revision: Revision,
    /// The pod is gone.
    pub removed: bool,
}

/// Why a mutation did not happen.
#[derive(Clone, Debug, Error)]
pub enum SubmitError {
    /// No such pod.
    #[error("pod `{key}` not found")]
    NotFound {
        /// Pod.
        key: PodKey,
    },
    /// The name is taken.
    #[error("pod `{key}` already exists")]
    AlreadyExists {
        /// Pod.
        key: PodKey,
    },
    /// The name belongs to another pod now.
    #[error("pod `{key}` has uid `{actual}`, not `{expected}`")]
    UidMismatch {
        /// Pod.
        key: PodKey,
        /// Uid asked for.
        expected: PodUid,
        /// Uid found.
        actual: PodUid,
    },
    /// The pod has changed since.
    #[error("pod `{key}` is at revision {actual}, not {expected}")]
    RevisionMismatch {
        /// Pod.
        key: PodKey,
        /// Revision asked for.
        expected: Revision,
        /// Revision found.
        actual: Revision,
    },
    /// The request id was used for something else.
    #[error("request id `{id}` was used with other content")]
    RequestConflict {
        /// Request id.
        id: String,
    },
    /// The rules do not allow it.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Too many commands wait.
    #[error("too many requests are waiting")]
    Overloaded,
    /// The store cannot write.
    #[error("{message}")]
    Unavailable {
        /// Why.
        message: String,
    },
    /// The engine stops.
    #[error("the server is stopping")]
    Stopping,
}

/// A mutation.
#[derive(Debug)]
pub(crate) enum Mutation {
    Create(Box<NewPod>),
    Delete { target: Target, grace: Option<i64> },
    Update { target: Target, update: Box<Update> },
}

/// Where an answer goes.
pub(crate) type Reply = oneshot::Sender<Result<Committed, SubmitError>>;

/// One message of the command lane.
#[derive(Debug)]
pub(crate) enum Command {
    Mutate {
        mutation: Mutation,
        request: Option<RequestKey>,
        actor: String,
        reply: Reply,
    },
    Stop,
}

/// One message of the fact lane.
#[derive(Debug)]
pub(crate) enum Report {
    /// The runtime tells by itself.
    Fact { uid: PodUid, fact: Fact },
    /// An operation finished.
    Done {
        uid: PodUid,
        op: OpId,
        fact: Option<Fact>,
    },
}
