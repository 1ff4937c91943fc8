//! Pods whose shim was not heard of when the server started, although it may live.
//!
//! Nothing is known of such a pod, so nothing is done to it: what the engine asks for waits, except for
//! its removal, which fails and is asked for again. Every round looks for the shim anew, and what it then
//! finds is told as it would have been at the start.

use std::collections::BTreeMap;

use lifepod_lifecycle::{effect::PodRef, id::PodUid};
use tokio::sync::watch;

#[derive(Default)]
pub(super) struct Unreached(watch::Sender<BTreeMap<PodUid, PodRef>>);

impl Unreached {
    pub(super) fn add(&self, pod: PodRef) {
        self.0.send_modify(|pods| {
            pods.insert(pod.uid.clone(), pod);
        });
    }

    /// The pod can be reached, or is gone.
    pub(super) fn remove(&self, uid: &PodUid) {
        self.0.send_if_modified(|pods| pods.remove(uid).is_some());
    }

    pub(super) fn holds(&self, uid: &PodUid) -> bool {
        self.0.borrow().contains_key(uid)
    }

    /// All of them, as they are now.
    pub(super) fn all(&self) -> Vec<PodRef> {
        self.0.borrow().values().cloned().collect()
    }

    /// Completes when the pod can be reached, which most can from the start.
    pub(super) async fn reached(&self, uid: &PodUid) {
        let mut pods = self.0.subscribe();
        // Its sender is ours: there is no other end than that of the wait.
        let _ = pods.wait_for(|pods| !pods.contains_key(uid)).await;
    }
}
