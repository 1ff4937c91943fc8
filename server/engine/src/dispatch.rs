//! Operations in flight: one task each, owned here, cancelled by dropping its future.

use std::{collections::HashMap, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::FutureExt as _;
use lifepod_lifecycle::{
    effect::Effect,
    id::{OpId, PodUid},
    input::Fact,
    port::{BoxFuture, FactSink, Runtime},
};
use tokio::{runtime::Handle, sync::mpsc, task::AbortHandle};
use tokio_util::task::TaskTracker;

use crate::inbox::Report;

/// Pause before an operation whose driver panicked is tried again.
const AFTER_PANIC: Duration = Duration::from_secs(1);

pub(crate) struct Dispatcher {
    runtime: Arc<dyn Runtime>,
    tokio: Handle,
    tracker: TaskTracker,
    reports: mpsc::Sender<Report>,
    flying: HashMap<(PodUid, OpId), AbortHandle>,
}

impl Dispatcher {
    pub(crate) fn new(
        runtime: Arc<dyn Runtime>,
        tokio: Handle,
        reports: mpsc::Sender<Report>,
    ) -> Self {
        Self {
            runtime,
            tokio,
            tracker: TaskTracker::new(),
            reports,
            flying: HashMap::new(),
        }
    }

    /// Starts an operation.
    pub(crate) fn start(&mut self, effect: Effect) {
        let key = (effect.pod.uid.clone(), effect.op);
        let task = perform(Arc::clone(&self.runtime), effect, self.reports.clone());
        let task = self.tracker.spawn_on(task, &self.tokio);
        self.flying.insert(key, task.abort_handle());
    }

    /// Gives an operation up.
    pub(crate) fn cancel(&mut self, uid: &PodUid, op: OpId) {
        if let Some(task) = self.flying.remove(&(uid.clone(), op)) {
            task.abort();
        }
    }

    /// An operation has answered.
    pub(crate) fn finished(&mut self, uid: &PodUid, op: OpId) {
        self.flying.remove(&(uid.clone(), op));
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.flying.is_empty()
    }

    /// Gives up what is still in flight and lets go of the runtime; the store knows what is owed.
    pub(crate) async fn shutdown(mut self) {
        for (_, task) in self.flying.drain() {
            task.abort();
        }
        self.tracker.close();
        self.tracker.wait().await;
        self.runtime.detach().await;
    }
}

async fn perform(runtime: Arc<dyn Runtime>, effect: Effect, reports: mpsc::Sender<Report>) {
    let (uid, op) = (effect.pod.uid.clone(), effect.op);
    let fact = loop {
        match AssertUnwindSafe(runtime.perform(effect.clone()))
            .catch_unwind()
            .await
        {
            Ok(fact) => break fact,
            Err(_) => {
                tracing::error!(pod.uid = %uid, %op, "runtime driver panicked, trying again");
                tokio::time::sleep(AFTER_PANIC).await;
            }
        }
    };
    // The engine is gone only when the process ends; then the operation is still owed.
    let _ = reports.send(Report::Done { uid, op, fact }).await;
}

/// Delivers what the runtime tells by itself.
pub(crate) struct Sink(pub(crate) mpsc::Sender<Report>);

impl FactSink for Sink {
    fn deliver(&self, uid: PodUid, fact: Fact) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let _ = self.0.send(Report::Fact { uid, fact }).await;
        })
    }
}
