//! The watch log: a cursor per reader over one shared sequence of revisions.
//!
//! The newest revisions are in memory, older ones in the store. Writers only append and wake;
//! a slow reader costs its own position and nothing else.

use std::{collections::VecDeque, sync::Arc};

use lifepod_lifecycle::{
    id::Revision,
    port::{JournalReader, Record, StoreError},
};
use parking_lot::RwLock;
use thiserror::Error;
use tokio::sync::watch;

/// Records fetched at once for one reader.
const BATCH: usize = 128;

/// Why a watch ended.
#[derive(Clone, Debug, Error)]
pub enum WatchEnd {
    /// The journal has moved past the reader's position.
    #[error("revisions up to {oldest} are compacted")]
    Compacted {
        /// Oldest revision a watch can start from.
        oldest: Revision,
    },
    /// The engine stops.
    #[error("the server is stopping")]
    Stopping,
    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
}

/// Newest committed revision, and whether more may come.
#[derive(Clone, Copy)]
struct Head {
    revision: Revision,
    open: bool,
}

pub(crate) struct WatchLog {
    tail: RwLock<VecDeque<Arc<Record>>>,
    limit: usize,
    head: watch::Sender<Head>,
}

impl WatchLog {
    pub(crate) fn new(revision: Revision, limit: usize) -> Self {
        let head = watch::Sender::new(Head {
            revision,
            open: true,
        });
        Self {
            tail: RwLock::default(),
            limit,
            head,
        }
    }

    pub(crate) fn revision(&self) -> Revision {
        self.head.borrow().revision
    }

    /// Appends one commit and wakes the readers.
    pub(crate) fn append(&self, records: &[Arc<Record>]) {
        let Some(last) = records.last() else { return };
        // Each may be the last owner of a pod: readers do not wait until it is freed.
        let evicted: Vec<_> = {
            let mut tail = self.tail.write();
            tail.extend(records.iter().cloned());
            let excess = tail.len().saturating_sub(self.limit);
            tail.drain(..excess).collect()
        };
        self.head.send_replace(Head {
            revision: last.revision,
            open: true,
        });
        drop(evicted);
    }

    /// Ends every watch once it has read what there is.
    pub(crate) fn close(&self) {
        self.head.send_modify(|head| head.open = false);
    }

    /// Records after `after` that are in memory; `None` if some are only in the store.
    pub(crate) fn recent(&self, after: Revision) -> Option<Vec<Arc<Record>>> {
        let tail = self.tail.read();
        let first = tail.front()?.revision;
        let skip = usize::try_from((after.0 + 1).checked_sub(first.0)?).ok()?;
        Some(tail.iter().skip(skip).take(BATCH).cloned().collect())
    }
}

/// A reader's position in the log.
pub struct Cursor {
    log: Arc<WatchLog>,
    reader: Arc<dyn JournalReader>,
    head: watch::Receiver<Head>,
    position: Revision,
    batch: VecDeque<Arc<Record>>,
}

impl Cursor {
    pub(crate) fn new(log: Arc<WatchLog>, reader: Arc<dyn JournalReader>, after: Revision) -> Self {
        let head = log.head.subscribe();
        Self {
            log,
            reader,
            head,
            position: after,
            batch: VecDeque::new(),
        }
    }

    /// Revision of the last record handed out, or where the cursor started.
    #[must_use]
    pub const fn position(&self) -> Revision {
        self.position
    }

    /// Whether everything committed so far has been handed out.
    #[must_use]
    pub fn caught_up(&self) -> bool {
        self.position >= self.head.borrow().revision
    }

    /// Newest committed revision.
    #[must_use]
    pub fn head(&self) -> Revision {
        self.head.borrow().revision
    }

    /// Goes on right after a revision whose record, and all before it, the caller has got in
    /// another way.
    pub fn skip_to(&mut self, revision: Revision) {
        self.position = self.position.max(revision);
        while self
            .batch
            .front()
            .is_some_and(|record| record.revision <= revision)
        {
            self.batch.pop_front();
        }
    }

    /// Waits until something after the position is committed. Cancel safe.
    ///
    /// # Errors
    /// [`WatchEnd::Stopping`] when nothing more will be.
    pub async fn more(&mut self) -> Result<(), WatchEnd> {
        loop {
            let head = *self.head.borrow_and_update();
            if head.revision > self.position {
                return Ok(());
            }
            if !head.open || self.head.changed().await.is_err() {
                return Err(WatchEnd::Stopping);
            }
        }
    }

    /// The next record; waits for one if there is none. Cancel safe.
    ///
    /// # Errors
    /// [`WatchEnd`]; the position stays valid for another cursor.
    pub async fn next(&mut self) -> Result<Arc<Record>, WatchEnd> {
        loop {
            if let Some(record) = self.batch.pop_front() {
                self.position = record.revision;
                return Ok(record);
            }
            let head = *self.head.borrow_and_update();
            if head.revision > self.position {
                self.batch = self.fetch().await?;
            } else if !head.open || self.head.changed().await.is_err() {
                return Err(WatchEnd::Stopping);
            }
        }
    }

    async fn fetch(&self) -> Result<VecDeque<Arc<Record>>, WatchEnd> {
        if let Some(records) = self.log.recent(self.position) {
            return Ok(records.into());
        }
        let (reader, after) = (Arc::clone(&self.reader), self.position);
        let read = tokio::task::spawn_blocking(move || reader.read_after(after, BATCH));
        match read.await {
            Ok(Ok(page)) if page.records.is_empty() => Err(WatchEnd::Store(StoreError::Corrupt {
                message: format!("nothing follows revision {after} although later ones exist"),
            })),
            Ok(Ok(page)) => Ok(page.records.into()),
            Ok(Err(StoreError::Compacted { oldest })) => Err(WatchEnd::Compacted { oldest }),
            Ok(Err(error)) => Err(WatchEnd::Store(error)),
            Err(_) => Err(WatchEnd::Stopping),
        }
    }
}
