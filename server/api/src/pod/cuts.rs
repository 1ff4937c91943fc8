//! Cuts of all pods that later pages of a list are served from.
//!
//! Only a list that has a next page leaves its cut here. A cut shares its pods with the
//! engine's view, so it costs memory only for pods that have changed since; of those there is a
//! bound. A cut that went is made again from the journal.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use lifepod_engine::Snapshot;
use lifepod_lifecycle::{Pod, id::Revision};
use parking_lot::Mutex;

/// Cuts kept at a time; the oldest goes first.
const CAPACITY: usize = 16;
/// Pods that only cuts hold when a cut comes to be; the oldest cuts go first, never the newest.
const OWN_PODS: usize = 10_000;
/// How long a cut waits for the next page.
const LIFETIME: Duration = Duration::from_secs(300);

struct Kept {
    snapshot: Arc<Snapshot>,
    used: Instant,
}

pub(crate) struct Cuts {
    kept: Mutex<VecDeque<Kept>>,
    clock: fn() -> Instant,
}

impl Cuts {
    pub(crate) fn new(clock: fn() -> Instant) -> Self {
        Self {
            kept: Mutex::default(),
            clock,
        }
    }

    /// Keeps a cut for its next page. `present` tells which pods are held in any case.
    pub(crate) fn keep(&self, snapshot: Arc<Snapshot>, present: impl FnOnce() -> Snapshot) {
        let now = (self.clock)();
        let revision = snapshot.revision;
        let mut kept = self.kept.lock();
        let is_new = kept.iter().all(|cut| cut.snapshot.revision != revision);
        kept.retain(|cut| cut.snapshot.revision != revision && now - cut.used < LIFETIME);
        if kept.len() == CAPACITY {
            kept.pop_front();
        }
        kept.push_back(Kept {
            snapshot,
            used: now,
        });
        if is_new {
            bound(&mut kept, &present());
        }
    }

    /// The cut of a revision, if it is still there.
    pub(crate) fn find(&self, revision: Revision) -> Option<Arc<Snapshot>> {
        let now = (self.clock)();
        let mut kept = self.kept.lock();
        kept.retain(|cut| now - cut.used < LIFETIME);
        let mut of_revision = kept.iter().filter(|cut| cut.snapshot.revision == revision);
        of_revision.next().map(|cut| Arc::clone(&cut.snapshot))
    }
}

/// Lets cuts go that hold too many pods by themselves.
fn bound(kept: &mut VecDeque<Kept>, present: &Snapshot) {
    let mut held: HashSet<*const Pod> = present.pods.iter().map(Arc::as_ptr).collect();
    let (mut own, mut fit) = (0, 0);
    for cut in kept.iter().rev() {
        let pods = cut.snapshot.pods.iter();
        own += pods.filter(|pod| held.insert(Arc::as_ptr(pod))).count();
        if own > OWN_PODS && fit > 0 {
            break;
        }
        fit += 1;
    }
    kept.drain(..kept.len() - fit);
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::{super::past::tests::pod, *};

    static SECONDS: AtomicU64 = AtomicU64::new(0);

    fn clock() -> Instant {
        use std::sync::OnceLock;
        static START: OnceLock<Instant> = OnceLock::new();
        let start = *START.get_or_init(Instant::now);
        start + Duration::from_secs(SECONDS.load(Ordering::SeqCst))
    }

    fn cut(revision: u64, pods: &[Arc<Pod>]) -> Arc<Snapshot> {
        Arc::new(Snapshot {
            revision: Revision(revision),
            pods: pods.to_vec(),
        })
    }

    fn nothing() -> Snapshot {
        Snapshot::clone(&cut(99, &[]))
    }

    #[test]
    fn cuts_are_bounded_in_pods_of_their_own() {
        let cuts = Cuts::new(Instant::now);
        let sample = pod("web", 1);
        let copies = |count| -> Vec<_> {
            let copy = |_| Arc::new(Pod::clone(&sample));
            (0..count).map(copy).collect()
        };
        let shared = copies(OWN_PODS);
        let present = || Snapshot::clone(&cut(99, &shared));
        let all = |revisions: &[u64]| {
            revisions
                .iter()
                .all(|revision| cuts.find(Revision(*revision)).is_some())
        };
        for revision in 1..=4 {
            cuts.keep(cut(revision, &shared), present);
        }
        cuts.keep(cut(5, &copies(OWN_PODS / 2)), present);
        let half = copies(OWN_PODS / 2);
        cuts.keep(cut(6, &half), present);
        assert!(all(&[1, 2, 3, 4, 5, 6]), "what is shared costs nothing");
        cuts.keep(cut(7, &half), present);
        assert!(all(&[1, 5, 7]), "nor does what another cut holds");
        cuts.keep(cut(8, &copies(1)), present);
        assert!(all(&[6, 7, 8]) && !all(&[5]) && !all(&[4]));
        cuts.keep(cut(9, &copies(OWN_PODS + 1)), present);
        assert!(all(&[9]) && !all(&[8]), "the newest stays in any case");
    }

    #[test]
    fn cuts_are_bounded_in_number_and_time() {
        let cuts = Cuts::new(clock);
        for revision in 1..=17 {
            cuts.keep(cut(revision, &[]), nothing);
        }
        assert!(cuts.find(Revision(1)).is_none(), "the oldest went");
        assert!(cuts.find(Revision(2)).is_some());
        SECONDS.store(299, Ordering::SeqCst);
        cuts.keep(cut(3, &[]), nothing);
        SECONDS.store(301, Ordering::SeqCst);
        assert!(cuts.find(Revision(2)).is_none(), "too old");
        assert!(cuts.find(Revision(3)).is_some(), "used since");
        assert_eq!(cuts.kept.lock().len(), 1);
    }
}
