//! The engine as the API sees it: submit, read, watch.

use std::sync::Arc;

use lifepod_lifecycle::{
    NewPod, Pod,
    id::{PodKey, Revision},
    input::Update,
    port::{JournalReader, Record, RuntimeInfo},
};
use tokio::sync::{mpsc, oneshot};

use crate::{
    inbox::{Command, Committed, Mutation, RequestKey, SubmitError, Target},
    log::{Cursor, WatchLog},
    publish::Published,
};

/// One consistent cut of all pods.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Everything up to this revision is in it, nothing later.
    pub revision: Revision,
    /// Pods that clients see, by key.
    pub pods: Vec<Arc<Pod>>,
}

/// A handle to the engine; cheap to clone.
#[derive(Clone)]
pub struct EngineHandle {
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) published: Arc<Published>,
    pub(crate) log: Arc<WatchLog>,
    pub(crate) reader: Arc<dyn JournalReader>,
    pub(crate) epoch: Arc<str>,
    pub(crate) node: Arc<str>,
    pub(crate) runtime: RuntimeInfo,
}

impl EngineHandle {
    /// Creates a pod.
    ///
    /// # Errors
    /// [`SubmitError::AlreadyExists`], [`SubmitError::RequestConflict`], or that the engine
    /// cannot take it.
    pub async fn create(
        &self,
        pod: NewPod,
        request: Option<RequestKey>,
        actor: String,
    ) -> Result<Committed, SubmitError> {
        self.submit(Mutation::Create(Box::new(pod)), request, actor)
            .await
    }

    /// Deletes a pod. `grace` in seconds; the pod's own if absent.
    ///
    /// # Errors
    /// [`SubmitError::NotFound`], a failed precondition, or that the engine cannot take it.
    pub async fn delete(
        &self,
        target: Target,
        grace: Option<i64>,
        request: Option<RequestKey>,
        actor: String,
    ) -> Result<Committed, SubmitError> {
        self.submit(Mutation::Delete { target, grace }, request, actor)
            .await
    }

    /// Changes metadata, the specification or foreign conditions. Admission has checked the update
    /// against the pod as it was read: the target's revision keeps that true.
    ///
    /// # Errors
    /// [`SubmitError::NotFound`], a failed precondition, or that the engine cannot take it.
    pub async fn update(
        &self,
        target: Target,
        update: Update,
        request: Option<RequestKey>,
        actor: String,
    ) -> Result<Committed, SubmitError> {
        let update = Box::new(update);
        self.submit(Mutation::Update { target, update }, request, actor)
            .await
    }

    /// Never waits for room: a full lane is an error at once. Once taken, a mutation goes
    /// through even if the caller goes away.
    async fn submit(
        &self,
        mutation: Mutation,
        request: Option<RequestKey>,
        actor: String,
    ) -> Result<Committed, SubmitError> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Mutate {
            mutation,
            request,
            actor,
            reply,
        };
        self.commands
            .try_send(command)
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => SubmitError::Overloaded,
                mpsc::error::TrySendError::Closed(_) => SubmitError::Stopping,
            })?;
        answer.await.unwrap_or(Err(SubmitError::Stopping))
    }

    /// A pod that clients see.
    #[must_use]
    pub fn get(&self, key: &PodKey) -> Option<Arc<Pod>> {
        self.published.get(key)
    }

    /// All pods that clients see, as of one revision.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.published.snapshot()
    }

    /// Newest revision.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.log.revision()
    }

    /// Oldest revision a watch can start from.
    #[must_use]
    pub fn oldest(&self) -> Revision {
        self.reader.oldest()
    }

    /// Every record after `after`, exactly once, in order.
    #[must_use]
    pub fn watch(&self, after: Revision) -> Cursor {
        Cursor::new(Arc::clone(&self.log), Arc::clone(&self.reader), after)
    }

    /// Some records right after a revision, if they are all in memory; none if there are none.
    #[must_use]
    pub fn recent(&self, after: Revision) -> Option<Vec<Arc<Record>>> {
        if after >= self.log.revision() {
            return Some(Vec::new());
        }
        self.log.recent(after)
    }

    /// Records of the past.
    #[must_use]
    pub fn reader(&self) -> Arc<dyn JournalReader> {
        Arc::clone(&self.reader)
    }

    /// Identity of the store.
    #[must_use]
    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    /// Name of this node.
    #[must_use]
    pub fn node(&self) -> &Arc<str> {
        &self.node
    }

    /// What runs the pods.
    #[must_use]
    pub const fn runtime_info(&self) -> &RuntimeInfo {
        &self.runtime
    }
}
