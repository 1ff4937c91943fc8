//! One deadline per pod, the earliest first.

use std::collections::{BTreeMap, BTreeSet};

use lifepod_lifecycle::{id::PodUid, time::Timestamp};

#[derive(Default)]
pub(crate) struct Timers {
    order: BTreeSet<(Timestamp, PodUid)>,
    of: BTreeMap<PodUid, Timestamp>,
}

impl Timers {
    /// Sets or clears the deadline of a pod.
    pub(crate) fn set(&mut self, uid: &PodUid, deadline: Option<Timestamp>) {
        if let Some(old) = self.of.remove(uid) {
            self.order.remove(&(old, uid.clone()));
        }
        if let Some(deadline) = deadline {
            self.order.insert((deadline, uid.clone()));
            self.of.insert(uid.clone(), deadline);
        }
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.order.first().map(|(deadline, _)| *deadline)
    }

    /// Takes a pod whose deadline has come.
    pub(crate) fn pop_due(&mut self, now: Timestamp) -> Option<PodUid> {
        let (deadline, uid) = self.order.first()?.clone();
        if deadline > now {
            return None;
        }
        self.set(&uid, None);
        Some(uid)
    }
}
