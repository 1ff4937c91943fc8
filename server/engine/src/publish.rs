//! The committed view that reads are served from.

use std::{collections::BTreeMap, sync::Arc};

use lifepod_lifecycle::{
    Pod,
    id::{PodKey, PodUid, Revision},
    port::Record,
};
use parking_lot::RwLock;

use crate::handle::Snapshot;

#[derive(Default)]
struct View {
    revision: Revision,
    pods: BTreeMap<PodKey, Arc<Pod>>,
}

/// The newest committed state of every pod that clients see.
#[derive(Default)]
pub(crate) struct Published(RwLock<View>);

impl Published {
    pub(crate) fn load(&self, revision: Revision, pods: &[Arc<Pod>]) {
        let mut view = self.0.write();
        view.revision = revision;
        view.pods = pods
            .iter()
            .filter(|p| p.is_visible())
            .map(|p| (p.meta.key.clone(), Arc::clone(p)))
            .collect();
    }

    /// Applies one turn: readers see all of it or nothing. `kept` is bookkeeping that has no
    /// revision of its own: events, mostly.
    pub(crate) fn apply(&self, records: &[Arc<Record>], kept: &BTreeMap<PodUid, Arc<Pod>>) {
        if records.is_empty() && kept.is_empty() {
            return;
        }
        let mut view = self.0.write();
        for record in records {
            view.revision = record.revision;
            let (key, uid) = (&record.pod.meta.key, &record.pod.meta.uid);
            if record.pod.is_visible() && !record.removed {
                view.pods.insert(key.clone(), Arc::clone(&record.pod));
            } else if view
                .pods
                .get(key)
                .is_some_and(|known| known.meta.uid == *uid)
            {
                view.pods.remove(key);
            }
        }
        for pod in kept.values().filter(|pod| pod.is_visible()) {
            view.pods.insert(pod.meta.key.clone(), Arc::clone(pod));
        }
    }

    pub(crate) fn get(&self, key: &PodKey) -> Option<Arc<Pod>> {
        self.0.read().pods.get(key).cloned()
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let view = self.0.read();
        Snapshot {
            revision: view.revision,
            pods: view.pods.values().cloned().collect(),
        }
    }
}
