//! Where the journal is, and how it is kept.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result};
use lifepod_lifecycle::time::Timestamp;
use lifepod_store::{
    disk::{Disk, RealDisk},
    journal::{DurableJournal, JournalOptions, RequestWindow},
    log::{Options, Retention},
};

use crate::config::Config;

/// History goes in whole files; so many of them make up what is kept.
const FILES: u32 = 8;
const MIB: u64 = 1 << 20;

/// The journal's directory.
pub(crate) fn directory(config: &Config) -> PathBuf {
    config.data_dir.join("journal")
}

/// Opens the journal, making it if there is none.
///
/// # Errors
/// If it is in use, damaged, or cannot be written.
pub(crate) fn open(config: &Config) -> Result<DurableJournal> {
    let directory = directory(config);
    let disk = RealDisk::new(&directory)
        .with_context(|| format!("cannot use `{}`", directory.display()))?;
    Ok(DurableJournal::open(
        prepared(disk),
        options(config),
        now(),
    )?)
}

#[cfg(feature = "failpoints")]
fn prepared(disk: RealDisk) -> Arc<dyn Disk> {
    crate::faults::wrap(disk)
}

#[cfg(not(feature = "failpoints"))]
fn prepared(disk: RealDisk) -> Arc<dyn Disk> {
    Arc::new(disk)
}

/// How the journal is kept. The files are the smaller the less history is kept.
pub(crate) fn options(config: &Config) -> JournalOptions {
    let defaults = JournalOptions::default();
    let share = (config.history_bytes / u64::from(FILES)).max(MIB);
    let age = (config.history_age / FILES).max(Duration::from_secs(60));
    JournalOptions {
        log: Options {
            segment_bytes: defaults.log.segment_bytes.min(share),
            segment_age: defaults.log.segment_age.min(age),
            ..defaults.log
        },
        retention: Retention {
            age: Some(config.history_age),
            revisions: config.history_revisions,
            bytes: Some(config.history_bytes),
            from: None,
        },
        requests: RequestWindow {
            age: config.request_window,
            count: config.request_count,
        },
        checkpoint_bytes: defaults.checkpoint_bytes.min(share),
        checkpoint_age: defaults.checkpoint_age.min(age),
    }
}

/// The present.
pub(crate) fn now() -> Timestamp {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(i64::try_from(now.as_nanos()).unwrap_or(i64::MAX))
}
