//! The journal in memory, for tests and simulation: same promises, no disk.

use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
};

use lifepod_lifecycle::{
    Pod,
    id::Revision,
    port::{Journal, JournalReader, Loaded, Page, Record, StoreError},
};
use parking_lot::RwLock;
use uuid::Uuid;

use super::fold::{Fold, RequestWindow};

/// What outlives the journals that are opened on it, as a disk does.
#[derive(Debug)]
pub struct MemoryStore {
    epoch: Uuid,
    window: RequestWindow,
    /// Records kept, those of answered requests not counted.
    history: usize,
    contents: RwLock<Contents>,
}

#[derive(Debug, Default)]
struct Contents {
    records: VecDeque<Arc<Record>>,
    /// The state right before the oldest record.
    base: Fold,
    fold: Fold,
    refuses: Option<String>,
    user: Weak<()>,
}

impl MemoryStore {
    /// An empty store that keeps that many records.
    #[must_use]
    pub fn new(history: usize, window: RequestWindow) -> Arc<Self> {
        Arc::new(Self {
            epoch: Uuid::new_v4(),
            window,
            history,
            contents: RwLock::default(),
        })
    }

    /// From now on commits fail with this message; `None` to let them succeed again.
    pub fn refuse(&self, message: Option<&str>) {
        self.contents.write().refuses = message.map(Into::into);
    }
}

impl Contents {
    /// Oldest revision from which reading can start.
    fn oldest(&self) -> Revision {
        Revision(self.fold.revision.0 - self.records.len() as u64)
    }
}

/// A journal on a [`MemoryStore`].
#[derive(Debug)]
pub struct MemoryJournal {
    store: Arc<MemoryStore>,
    /// `None` once closed; there is one at a time.
    lock: Option<Arc<()>>,
}

impl MemoryJournal {
    /// Opens the store.
    ///
    /// # Errors
    /// [`StoreError::Locked`] while another journal has it open.
    pub fn open(store: &Arc<MemoryStore>) -> Result<Self, StoreError> {
        let mut contents = store.contents.write();
        if contents.user.upgrade().is_some() {
            let message = "another journal has it open".into();
            return Err(StoreError::Locked { message });
        }
        let lock = Arc::new(());
        contents.user = Arc::downgrade(&lock);
        Ok(Self {
            store: Arc::clone(store),
            lock: Some(lock),
        })
    }
}

impl Journal for MemoryJournal {
    fn epoch(&self) -> String {
        self.store.epoch.to_string()
    }

    fn load(&mut self) -> Result<Loaded, StoreError> {
        let contents = self.store.contents.read();
        let Contents { records, fold, .. } = &*contents;
        let answers = |record: &&Arc<Record>| {
            let revision = record.revision;
            fold.answers
                .iter()
                .any(|answer| answer.revision == revision)
        };
        Ok(Loaded {
            revision: fold.revision,
            pods: fold.pods.values().cloned().collect(),
            requests: records
                .iter()
                .filter(answers)
                .map(|record| Record::clone(record))
                .collect(),
        })
    }

    fn commit(&mut self, records: &[Arc<Record>]) -> Result<(), StoreError> {
        let contents = &mut *self.store.contents.write();
        let refusal = match &self.lock {
            None => Some("the store is closed"),
            Some(_) => contents.refuses.as_deref(),
        };
        if let Some(message) = refusal {
            return Err(StoreError::Unavailable {
                message: message.into(),
            });
        }
        for record in records {
            assert_eq!(
                record.revision,
                contents.fold.revision.next(),
                "revisions follow each other"
            );
            contents.fold.apply(record, &self.store.window);
            contents.records.push_back(Arc::clone(record));
        }
        let needed = contents.fold.oldest_answer().unwrap_or(Revision(u64::MAX));
        while contents.records.len() > self.store.history
            && contents
                .records
                .front()
                .is_some_and(|record| record.revision < needed)
        {
            if let Some(gone) = contents.records.pop_front() {
                contents.base.apply(&gone, &self.store.window);
            }
        }
        Ok(())
    }

    fn reader(&self) -> Arc<dyn JournalReader> {
        Arc::clone(&self.store) as Arc<dyn JournalReader>
    }

    fn close(&mut self) -> Result<(), StoreError> {
        self.lock = None;
        Ok(())
    }
}

impl JournalReader for MemoryStore {
    fn read_after(&self, after: Revision, limit: usize) -> Result<Page, StoreError> {
        let contents = self.contents.read();
        let oldest = contents.oldest();
        let Some(skip) = after.0.checked_sub(oldest.0) else {
            return Err(StoreError::Compacted { oldest });
        };
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        let records = contents
            .records
            .iter()
            .skip(skip)
            .take(limit)
            .cloned()
            .collect();
        Ok(Page { records })
    }

    fn oldest(&self) -> Revision {
        self.contents.read().oldest()
    }

    fn state_at(&self, revision: Revision) -> Result<Vec<Arc<Pod>>, StoreError> {
        let contents = self.contents.read();
        let oldest = contents.oldest();
        if revision < oldest {
            return Err(StoreError::Compacted { oldest });
        }
        let mut fold = contents.base.clone();
        let until = contents
            .records
            .iter()
            .take_while(|r| r.revision <= revision);
        until.for_each(|record| fold.apply(record, &self.window));
        Ok(fold.pods.into_values().collect())
    }
}
