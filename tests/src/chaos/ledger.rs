//! What one actor asked for, and what it was answered: what must be there, and what may be.

use lifepod_client::proto::Pod;
use std::collections::BTreeMap;

/// The label that updates change.
pub(super) const LABEL: &str = "written";

/// The pods of one actor, by name.
#[derive(Debug, Default)]
pub(super) struct Ledger(pub(super) BTreeMap<String, Entry>);

/// What is known of one pod.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// Set when the creation was answered.
    pub(super) uid: Option<String>,
    /// Value of the label by the last update that was answered, or by the creation.
    pub(super) written: u64,
    /// Value by an update whose answer was lost.
    pub(super) perhaps_written: Option<u64>,
    pub(super) deletion: Deletion,
}

/// How far a pod's deletion is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deletion {
    #[default]
    None,
    /// Asked for; the answer was lost.
    Perhaps,
    /// Answered: it is on its way.
    Begun,
    /// Answered: the pod is gone.
    Removed,
}

impl Ledger {
    /// Compares with all pods there are, and forgets those that are gone for good.
    pub(super) fn verify(&mut self, pods: &[Pod]) -> Vec<String> {
        let mut faults = Vec::new();
        self.0.retain(|name, entry| {
            let pod = pods.iter().find(|pod| name_of(pod) == name);
            faults.extend(entry.compare(name, pod));
            pod.is_some() || entry.deletion == Deletion::None
        });
        faults
    }
}

impl Entry {
    fn compare(&self, name: &str, pod: Option<&Pod>) -> Option<String> {
        let Some(pod) = pod else {
            let lost = self.uid.is_some() && self.deletion == Deletion::None;
            return lost.then(|| format!("pod {name} was acknowledged and is lost"));
        };
        let metadata = pod.metadata.clone().unwrap_or_default();
        if self.uid.as_ref().is_some_and(|uid| *uid != metadata.uid) {
            let uid = &metadata.uid;
            return Some(format!(
                "pod {name} was acknowledged with another uid than {uid}"
            ));
        }
        let written = metadata
            .labels
            .get(LABEL)
            .and_then(|text| text.parse().ok());
        if written != Some(self.written) && (written.is_none() || written != self.perhaps_written) {
            let known = self.written;
            return Some(format!(
                "pod {name} was acknowledged with {known}, and has {written:?}"
            ));
        }
        let deleting = metadata.deletion_timestamp.is_some();
        match self.deletion {
            Deletion::None if deleting => Some(format!("nobody asked to delete pod {name}")),
            Deletion::Begun if !deleting => Some(format!("the deletion of pod {name} is lost")),
            Deletion::Removed => Some(format!("pod {name} was removed and is there")),
            _ => None,
        }
    }
}

pub(super) fn name_of(pod: &Pod) -> &str {
    pod.metadata.as_ref().map_or("", |meta| &meta.name)
}
