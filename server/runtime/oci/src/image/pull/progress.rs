//! How far a pull is, for people who wait.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::plan::{Plan, PlannedLayer};
use crate::image::digest::Digest;

/// How far one layer is. Several images in one pull never share a digest with different meaning, so the digest
/// names the layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerProgress {
    /// Of the layer as downloaded.
    pub digest: Digest,
    pub downloaded: u64,
    pub total: u64,
    /// The layer is ready for use.
    pub extracted: bool,
}

/// Called for each layer at the start, about once per 512 KiB, and when it is extracted. Must
/// not block: it runs inside the pull.
pub type ProgressSink = Arc<dyn Fn(&LayerProgress) + Send + Sync>;

/// Bytes between two reports on one layer.
pub(super) const REPORT_EVERY: u64 = 512 * 1024;

/// Hands progress to everyone who waits for the same pull.
#[derive(Default)]
pub(super) struct Fanout {
    sinks: Mutex<Sinks>,
}

#[derive(Default)]
struct Sinks {
    next: u64,
    by_number: BTreeMap<u64, ProgressSink>,
    /// The latest of each layer, told first to those who join late.
    latest: BTreeMap<Digest, LayerProgress>,
}

/// Stops listening when dropped.
pub(super) struct Listening {
    fanout: Arc<Fanout>,
    number: u64,
}

impl Fanout {
    pub(super) fn listen(self: &Arc<Self>, sink: ProgressSink) -> Listening {
        let mut sinks = self.sinks.lock();
        for progress in sinks.latest.values() {
            sink(progress);
        }
        let number = sinks.next;
        sinks.next += 1;
        sinks.by_number.insert(number, sink);
        Listening {
            fanout: Arc::clone(self),
            number,
        }
    }

    pub(super) fn planned(&self, plan: &Plan) {
        for layer in &plan.layers {
            self.report(layer, 0, false);
        }
    }

    pub(super) fn downloaded(&self, layer: &PlannedLayer, bytes: u64) {
        self.report(layer, bytes, false);
    }

    pub(super) fn extracted(&self, layer: &PlannedLayer) {
        self.report(layer, layer.blob.size, true);
    }

    fn report(&self, layer: &PlannedLayer, downloaded: u64, extracted: bool) {
        let progress = LayerProgress {
            digest: layer.blob.digest.clone(),
            downloaded,
            total: layer.blob.size,
            extracted,
        };
        let mut sinks = self.sinks.lock();
        for sink in sinks.by_number.values() {
            sink(&progress);
        }
        sinks.latest.insert(progress.digest.clone(), progress);
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.fanout.sinks.lock().by_number.remove(&self.number);
    }
}
