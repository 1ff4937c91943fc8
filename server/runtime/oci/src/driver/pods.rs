//! The sandboxes that are alive, with their shims.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use lifepod_lifecycle::{effect::PodRef, id::PodUid, transition::ExitStatus};
use lifepod_shim::protocol::Namespaces;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::shim::ShimHandle;

/// One living sandbox.
pub(super) struct Entry {
    /// The pod, as it was when the sandbox was made or found.
    pub(super) pod: PodRef,
    /// Which sandbox of the pod.
    pub(super) attempt: u32,
    /// Its shim.
    pub(super) shim: ShimHandle,
    /// Its namespaces.
    pub(super) namespaces: Namespaces,
    /// Ends the task that follows its events.
    pub(super) watching: CancellationToken,
    /// Its shim does not answer.
    lost: AtomicBool,
    /// Container name and attempt of every instance, by the runtime's id.
    names: Mutex<HashMap<String, (String, u32)>>,
    /// Who waits for the end of an instance, by the runtime's id.
    waiting: Mutex<HashMap<String, Vec<oneshot::Sender<ExitStatus>>>>,
}

impl Entry {
    pub(super) fn new(pod: PodRef, attempt: u32, shim: ShimHandle, namespaces: Namespaces) -> Self {
        let watching = CancellationToken::new();
        Self {
            pod,
            attempt,
            shim,
            namespaces,
            watching,
            lost: AtomicBool::new(false),
            names: Mutex::default(),
            waiting: Mutex::default(),
        }
    }

    /// Waits for the end of an instance. To be called before it can have ended; closed without a word
    /// when the sandbox is gone or let go of.
    pub(super) fn expect_end(&self, id: &str) -> oneshot::Receiver<ExitStatus> {
        let (told, ended) = oneshot::channel();
        let mut waiting = self.waiting.lock();
        let waiting = waiting.entry(id.to_owned()).or_default();
        // Clients come and go while an instance lives.
        waiting.retain(|told| !told.is_closed());
        waiting.push(told);
        ended
    }

    /// Tells the end of an instance to those who wait for it.
    pub(super) fn tell_end(&self, id: &str, status: &ExitStatus) {
        let waiting = self.waiting.lock().remove(id);
        for told in waiting.into_iter().flatten() {
            // It may not be waited for any more.
            let _ = told.send(status.clone());
        }
    }

    /// The shim does not answer. True if it did before.
    pub(super) fn lost_sight(&self) -> bool {
        !self.lost.swap(true, Ordering::Relaxed)
    }

    /// The shim answers. True if it did not before.
    pub(super) fn found_again(&self) -> bool {
        self.lost.swap(false, Ordering::Relaxed)
    }

    /// Remembers an instance; before it is made, so that its exit finds it.
    pub(super) fn remember(&self, id: &str, container: &str, attempt: u32) {
        self.names
            .lock()
            .insert(id.to_owned(), (container.to_owned(), attempt));
    }

    pub(super) fn name_of(&self, id: &str) -> Option<(String, u32)> {
        self.names.lock().get(id).cloned()
    }

    pub(super) fn forget(&self, id: &str) {
        self.names.lock().remove(id);
    }
}

#[derive(Default)]
pub(super) struct Pods(Mutex<HashMap<PodUid, Arc<Entry>>>);

impl Pods {
    pub(super) fn get(&self, uid: &PodUid) -> Option<Arc<Entry>> {
        self.0.lock().get(uid).cloned()
    }

    /// All of them, as they are now.
    pub(super) fn all(&self) -> Vec<Arc<Entry>> {
        self.0.lock().values().cloned().collect()
    }

    pub(super) fn insert(&self, entry: Arc<Entry>) {
        if let Some(old) = self.0.lock().insert(entry.pod.uid.clone(), entry) {
            old.watching.cancel();
        }
    }

    pub(super) fn remove(&self, uid: &PodUid) -> Option<Arc<Entry>> {
        let entry = self.0.lock().remove(uid);
        if let Some(entry) = &entry {
            entry.watching.cancel();
        }
        entry
    }

    /// Whether this very sandbox is the pod's living one.
    pub(super) fn holds(&self, entry: &Arc<Entry>) -> bool {
        self.0
            .lock()
            .get(&entry.pod.uid)
            .is_some_and(|known| Arc::ptr_eq(known, entry))
    }

    /// Lets go of every shim; they run on.
    pub(super) fn detach_all(&self) {
        for (_, entry) in self.0.lock().drain() {
            entry.watching.cancel();
        }
    }
}
