//! Pages of records, for watchers that fell behind the engine's memory and for history.

use std::sync::Arc;

use lifepod_lifecycle::{
    Pod,
    id::Revision,
    port::{JournalReader, Page, StoreError},
};
use parking_lot::Mutex;

use super::{codec, state};
use crate::log::{Log, Records};

/// Stored bytes after which a page ends.
const PAGE: usize = 4 << 20;

/// Cursors kept for readers that will ask for the page after the one they got.
const CURSORS: usize = 8;

/// The reading side of a [`super::DurableJournal`].
#[derive(Debug)]
pub(super) struct LogPages {
    log: Log,
    cursors: Mutex<Vec<Records>>,
}

impl LogPages {
    pub(super) fn new(log: Log) -> Self {
        Self {
            log,
            cursors: Mutex::default(),
        }
    }

    /// A cursor at `revision`: the one a page before ended with, or a new one.
    fn cursor(&self, revision: u64) -> Result<Records, StoreError> {
        let mut cursors = self.cursors.lock();
        let known = cursors
            .iter()
            .position(|cursor| cursor.next_revision() == revision);
        match known {
            Some(at) => Ok(cursors.remove(at)),
            None => Ok(self.log.read_from(revision)?),
        }
    }

    fn keep(&self, cursor: Records) {
        let mut cursors = self.cursors.lock();
        if cursors.len() == CURSORS {
            cursors.remove(0);
        }
        cursors.push(cursor);
    }
}

impl JournalReader for LogPages {
    fn read_after(&self, after: Revision, limit: usize) -> Result<Page, StoreError> {
        let mut page = Page::default();
        if limit == 0 || after.0 >= self.log.newest() {
            return Ok(page);
        }
        let mut cursor = self.cursor(after.0 + 1)?;
        let mut bytes = 0;
        while page.records.len() < limit && bytes < PAGE {
            let Some(record) = cursor.next()? else { break };
            bytes += record.bytes.len();
            page.records.push(Arc::new(codec::decode(record.bytes)?));
        }
        // At the end the cursor has nothing to read ahead, and others will come with new ones.
        if cursor.next_revision() <= self.log.newest() {
            self.keep(cursor);
        }
        Ok(page)
    }

    fn oldest(&self) -> Revision {
        Revision(self.log.oldest() - 1)
    }

    fn state_at(&self, revision: Revision) -> Result<Vec<Arc<Pod>>, StoreError> {
        state::pods_at(&self.log, revision)
    }
}
