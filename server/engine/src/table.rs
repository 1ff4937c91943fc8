//! Every pod the engine owns, hidden ones included.

use std::{collections::BTreeMap, sync::Arc};

use lifepod_lifecycle::{
    Pod,
    id::{PodKey, PodUid},
    port::Record,
};

#[derive(Default)]
pub(crate) struct Table {
    pods: BTreeMap<PodUid, Arc<Pod>>,
    names: BTreeMap<PodKey, PodUid>,
}

impl Table {
    pub(crate) fn load(pods: &[Arc<Pod>]) -> Self {
        let mut table = Self::default();
        for pod in pods {
            table.put(pod, false);
        }
        table
    }

    pub(crate) fn get(&self, uid: &PodUid) -> Option<&Arc<Pod>> {
        self.pods.get(uid)
    }

    /// The pod of that name, if clients see one.
    pub(crate) fn named(&self, key: &PodKey) -> Option<&Arc<Pod>> {
        self.names.get(key).and_then(|uid| self.pods.get(uid))
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Pod>> {
        self.pods.values()
    }

    pub(crate) fn apply(&mut self, record: &Record) {
        self.put(&record.pod, record.removed);
    }

    /// Takes over bookkeeping that has no revision of its own.
    pub(crate) fn keep(&mut self, pod: &Arc<Pod>) {
        self.put(pod, false);
    }

    fn put(&mut self, pod: &Arc<Pod>, removed: bool) {
        let (key, uid) = (&pod.meta.key, &pod.meta.uid);
        if pod.is_visible() && !removed {
            self.names.insert(key.clone(), uid.clone());
        } else if self.names.get(key) == Some(uid) {
            self.names.remove(key);
        }
        if removed {
            self.pods.remove(uid);
        } else {
            self.pods.insert(uid.clone(), Arc::clone(pod));
        }
    }
}
