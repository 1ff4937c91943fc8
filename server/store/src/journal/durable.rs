//! The journal on the log.

use std::{ops::Range, sync::Arc, time::Duration};

use lifepod_lifecycle::{
    id::Revision,
    port::{Journal, JournalReader, Loaded, Record, StoreError},
    time::Timestamp,
};

use super::{
    codec,
    fold::{Fold, RequestWindow},
    reader::LogPages,
    state,
    upkeep::{Upkeep, tend},
};
use crate::{
    disk::Disk,
    error::LogError,
    log::{self, Compacted, Log, LogWriter, Options, Retention},
};

/// How the journal is kept.
#[derive(Clone, Debug)]
pub struct JournalOptions {
    /// Layout of the log.
    pub log: Options,
    /// How much history is kept.
    pub retention: Retention,
    /// Which answers are kept for repeated requests.
    pub requests: RequestWindow,
    /// A checkpoint is written each time this many bytes of records were committed, or four times
    /// the size of the checkpoint before if that is more.
    pub checkpoint_bytes: u64,
    /// Also with the first commit after this long, so that retention by age works on quiet stores.
    pub checkpoint_age: Duration,
}

impl Default for JournalOptions {
    fn default() -> Self {
        Self {
            log: Options::default(),
            retention: Retention {
                age: Some(Duration::from_hours(24)),
                revisions: None,
                bytes: Some(1 << 30),
                from: None,
            },
            requests: RequestWindow::default(),
            checkpoint_bytes: 8 << 20,
            checkpoint_age: Duration::from_hours(1),
        }
    }
}

/// The durable journal.
#[derive(Debug)]
pub struct DurableJournal {
    log: Log,
    /// `None` once closed.
    writer: Option<LogWriter>,
    fold: Fold,
    upkeep: Upkeep,
    pages: Arc<LogPages>,
    options: JournalOptions,
    /// Bytes of records since the newest checkpoint was begun.
    since_checkpoint: u64,
    /// When that was.
    checkpoint_at: Timestamp,
    encoded: Encoded,
}

/// Records in their stored form, in memory that is used again.
#[derive(Debug, Default)]
struct Encoded {
    bytes: Vec<u8>,
    ranges: Vec<Range<usize>>,
}

impl DurableJournal {
    /// Opens the store on a disk, making it if there is none, and rebuilds its state. What had to
    /// be put right is logged. `now` dates what is made.
    ///
    /// # Errors
    /// [`StoreError`], all variants but `Compacted`.
    pub fn open(
        disk: Arc<dyn Disk>,
        options: JournalOptions,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let opened = log::open(disk, options.log.clone(), now.0)?;
        let (writer, recovery) = (opened.writer, opened.recovery);
        if recovery.torn_bytes > 0 {
            tracing::info!(
                bytes = recovery.torn_bytes,
                "cut off a commit that was never acknowledged"
            );
        }
        for error in recovery.bad_checkpoints {
            tracing::warn!(%error, "passed over a damaged checkpoint");
        }
        let log = writer.log().clone();
        let (fold, since_checkpoint) = state::load(&log, &options.requests)?;
        let upkeep = Upkeep::start(log.clone(), options.retention)
            .map_err(|e| LogError::io("start a thread for", "", e))?;
        Ok(Self {
            pages: Arc::new(LogPages::new(log.clone())),
            log,
            writer: Some(writer),
            fold,
            upkeep,
            options,
            since_checkpoint,
            checkpoint_at: now,
            encoded: Encoded::default(),
        })
    }

    /// The log underneath, for figures and maintenance.
    #[must_use]
    pub const fn log(&self) -> &Log {
        &self.log
    }

    /// Time of the newest record: what is committed next must not be older.
    #[must_use]
    pub const fn newest_time(&self) -> Timestamp {
        self.fold.at
    }

    /// Writes a checkpoint and drops what is kept no longer, now and on this thread.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; nothing is lost.
    pub fn tend(&mut self) -> Result<Compacted, StoreError> {
        let (_, done) = tend(&self.log, &self.options.retention, &self.fold)?;
        self.since_checkpoint = 0;
        Ok(done)
    }

    fn tend_if_due(&mut self) {
        let due = self
            .options
            .checkpoint_bytes
            .max(4 * self.upkeep.checkpoint_size());
        let aged = self.fold.at.since(self.checkpoint_at) >= self.options.checkpoint_age;
        if (aged || self.since_checkpoint >= due) && self.upkeep.is_idle() {
            self.upkeep.submit(self.fold.clone());
            self.since_checkpoint = 0;
            self.checkpoint_at = self.fold.at;
        }
    }
}

impl Encoded {
    fn fill(&mut self, records: &[Arc<Record>]) -> Result<(), StoreError> {
        self.ranges.clear();
        self.bytes.clear();
        for record in records {
            let from = self.bytes.len();
            codec::encode(&**record, &mut self.bytes)?;
            self.ranges.push(from..self.bytes.len());
        }
        Ok(())
    }

    fn records(&self) -> Vec<&[u8]> {
        self.ranges
            .iter()
            .map(|range| &self.bytes[range.clone()])
            .collect()
    }
}

impl Journal for DurableJournal {
    fn epoch(&self) -> String {
        self.log.epoch().to_string()
    }

    fn load(&mut self) -> Result<Loaded, StoreError> {
        Ok(Loaded {
            revision: Revision(self.log.newest()),
            pods: self.fold.pods.values().cloned().collect(),
            requests: state::answers(&self.log, &self.fold)?,
        })
    }

    fn commit(&mut self, records: &[Arc<Record>]) -> Result<(), StoreError> {
        let Some(writer) = &mut self.writer else {
            return Err(StoreError::Unavailable {
                message: "the store is closed".into(),
            });
        };
        let Some(last) = records.last() else {
            return Ok(());
        };
        for (next, record) in (writer.next_revision()..).zip(records) {
            assert_eq!(record.revision.0, next, "revisions follow each other");
        }
        self.encoded.fill(records)?;
        writer.append(last.committed_at.0, &self.encoded.records())?;
        for record in records {
            self.fold.apply(record, &self.options.requests);
        }
        self.since_checkpoint += self.encoded.bytes.len() as u64;
        self.encoded.bytes.shrink_to(1 << 20);
        self.tend_if_due();
        Ok(())
    }

    fn reader(&self) -> Arc<dyn JournalReader> {
        Arc::clone(&self.pages) as Arc<dyn JournalReader>
    }

    fn close(&mut self) -> Result<(), StoreError> {
        let Some(writer) = self.writer.take() else {
            return Ok(());
        };
        self.upkeep.stop();
        let saved = if self.log.checkpointed() < self.log.newest() {
            self.tend().map(drop)
        } else {
            Ok(())
        };
        // Also if the checkpoint failed: the log itself may still take its end mark.
        writer.close()?;
        saved
    }
}
