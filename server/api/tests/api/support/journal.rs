//! A journal in memory that can forget its beginning, refuse to write or read, and be held up.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use lifepod_lifecycle::{
    id::Revision,
    port::{Journal, JournalReader, Loaded, Page, Record, StoreError},
};
use parking_lot::Mutex;

pub(crate) const EPOCH: &str = "6f1c2c1a-6a3a-4f0e-9b5e-0d8f5a1b2c3d";

/// Shared by the server before and after a restart.
#[derive(Clone)]
pub(crate) struct MemoryJournal {
    pub epoch: String,
    records: Arc<Mutex<Vec<Arc<Record>>>>,
    oldest: Arc<AtomicU64>,
    pub broken: Arc<AtomicBool>,
    /// Commits wait while it is set.
    pub held: Arc<AtomicBool>,
    pub reads: Arc<Reads>,
}

/// How the journal is read.
#[derive(Default)]
pub(crate) struct Reads {
    /// Reads wait while it is set.
    pub held: AtomicBool,
    /// Reads fail while it is set.
    pub fail: AtomicBool,
    /// Reads at this moment, the most there were at a time, and all.
    pub now: AtomicUsize,
    pub most: AtomicUsize,
    pub all: AtomicUsize,
}

/// Waits for a gate, but not for a test that failed.
fn pass(held: &AtomicBool) {
    let end = Instant::now() + 2 * super::DEADLINE;
    while held.load(Ordering::SeqCst) && Instant::now() < end {
        thread::sleep(Duration::from_millis(1));
    }
}

impl Default for MemoryJournal {
    fn default() -> Self {
        Self {
            epoch: EPOCH.to_owned(),
            records: Arc::default(),
            oldest: Arc::default(),
            broken: Arc::default(),
            held: Arc::default(),
            reads: Arc::default(),
        }
    }
}

impl MemoryJournal {
    /// Forgets everything up to and including a revision.
    pub(crate) fn compact(&self, upto: u64) {
        self.oldest.store(upto, Ordering::SeqCst);
    }
}

impl Journal for MemoryJournal {
    fn epoch(&self) -> String {
        self.epoch.clone()
    }

    fn load(&mut self) -> Result<Loaded, StoreError> {
        let records = self.records.lock();
        let mut pods = BTreeMap::new();
        for record in records.iter() {
            pods.insert(record.pod.meta.uid.clone(), Arc::clone(&record.pod));
            if record.removed {
                pods.remove(&record.pod.meta.uid);
            }
        }
        let requests = records.iter().filter(|record| record.request.is_some());
        Ok(Loaded {
            revision: records.last().map_or(Revision(0), |last| last.revision),
            pods: pods.into_values().collect(),
            requests: requests.map(|record| Record::clone(record)).collect(),
        })
    }

    fn commit(&mut self, records: &[Arc<Record>]) -> Result<(), StoreError> {
        pass(&self.held);
        if self.broken.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable {
                message: "disk is full".to_owned(),
            });
        }
        self.records.lock().extend(records.iter().cloned());
        Ok(())
    }

    fn reader(&self) -> Arc<dyn JournalReader> {
        Arc::new(self.clone())
    }

    fn close(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl JournalReader for MemoryJournal {
    fn read_after(&self, after: Revision, limit: usize) -> Result<Page, StoreError> {
        let reads = &self.reads;
        reads.all.fetch_add(1, Ordering::SeqCst);
        let now = reads.now.fetch_add(1, Ordering::SeqCst) + 1;
        reads.most.fetch_max(now, Ordering::SeqCst);
        pass(&reads.held);
        reads.now.fetch_sub(1, Ordering::SeqCst);
        if reads.fail.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable {
                message: "the disk does not answer".to_owned(),
            });
        }
        let oldest = self.oldest();
        if after < oldest {
            return Err(StoreError::Compacted { oldest });
        }
        let records = self.records.lock();
        let later = records.iter().filter(|record| record.revision > after);
        Ok(Page {
            records: later.take(limit).cloned().collect(),
        })
    }

    fn oldest(&self) -> Revision {
        Revision(self.oldest.load(Ordering::SeqCst))
    }
}
