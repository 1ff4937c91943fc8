//! Cuts of all pods that later pages of a list are served from.
//!
//! Only a list that has a next page leaves its cut here. A cut shares its pods with the
//! engine's view, so it costs memory only for pods that have changed since.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use lifepod_engine::Snapshot;
use lifepod_lifecycle::id::Revision;
use parking_lot::Mutex;

/// Cuts kept at a time; the oldest goes first.
const CAPACITY: usize = 16;
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

    /// Keeps a cut for its next page.
    pub(crate) fn keep(&self, snapshot: Arc<Snapshot>) {
        let now = (self.clock)();
        let mut kept = self.kept.lock();
        kept.retain(|cut| cut.snapshot.revision != snapshot.revision && now - cut.used < LIFETIME);
        if kept.len() == CAPACITY {
            kept.pop_front();
        }
        kept.push_back(Kept {
            snapshot,
            used: now,
        });
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    static SECONDS: AtomicU64 = AtomicU64::new(0);

    fn clock() -> Instant {
        use std::sync::OnceLock;
        static START: OnceLock<Instant> = OnceLock::new();
        let start = *START.get_or_init(Instant::now);
        start + Duration::from_secs(SECONDS.load(Ordering::SeqCst))
    }

    fn cut(revision: u64) -> Arc<Snapshot> {
        Arc::new(Snapshot {
            revision: Revision(revision),
            pods: Vec::new(),
        })
    }

    #[test]
    fn cuts_are_bounded_in_number_and_time() {
        let cuts = Cuts::new(clock);
        for revision in 1..=17 {
            cuts.keep(cut(revision));
        }
        assert!(cuts.find(Revision(1)).is_none(), "the oldest went");
        assert!(cuts.find(Revision(2)).is_some());
        SECONDS.store(299, Ordering::SeqCst);
        cuts.keep(cut(3));
        SECONDS.store(301, Ordering::SeqCst);
        assert!(cuts.find(Revision(2)).is_none(), "too old");
        assert!(cuts.find(Revision(3)).is_some(), "used since");
        assert_eq!(cuts.kept.lock().len(), 1);
    }
}
