//! What `lifepodd store check`, `export` and `compact` do.

use std::{io::Write, sync::Arc};

use lifepod_lifecycle::{
    port::{Journal as _, Record, StoreError},
    time::Timestamp,
};
use serde::Serialize;

use super::{DurableJournal, JournalOptions, codec, state::Entry};
use crate::{
    disk::Disk,
    error::LogError,
    log::{Compacted, Item, Survey, survey},
};

/// What a check found.
#[derive(Debug)]
pub struct Report {
    /// The files.
    pub survey: Survey,
    /// Records and checkpoint entries that are what was written, and yet cannot be understood:
    /// where, and why.
    pub unreadable: Vec<(String, StoreError)>,
}

impl Report {
    /// Whether everything can be read.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.survey.damage.is_empty() && self.unreadable.is_empty()
    }
}

/// Reads everything in a store and changes nothing. On a store that is in use the last commit may
/// look torn.
///
/// # Errors
/// Those of reading; damage is in the report.
pub fn check(disk: &dyn Disk) -> Result<Report, StoreError> {
    let mut unreadable = Vec::new();
    let survey = survey(disk, |item| {
        let (place, error) = match item {
            Item::Record(stored) => (
                format!("revision {}", stored.revision),
                codec::decode::<Record>(stored.bytes).err(),
            ),
            Item::Entry { checkpoint, bytes } => (
                format!("checkpoint {checkpoint}"),
                codec::decode::<Entry>(bytes).err(),
            ),
            Item::Damage(_) => return Ok(()),
        };
        unreadable.extend(error.map(|error| (place, error)));
        Ok::<(), StoreError>(())
    })?;
    Ok(Report { survey, unreadable })
}

/// One line of an export.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Line<'a> {
    Checkpoint { revision: u64, entry: Entry },
    Record(Record),
    Unreadable { revision: u64, error: String },
    Damage { file: &'a str, error: String },
}

/// Writes everything that can be read as one JSON object per line: the entries of the newest
/// checkpoint, then all records, and each place that cannot be read.
///
/// # Errors
/// Those of reading, and [`StoreError::Unavailable`] if `out` fails.
pub fn export(disk: &dyn Disk, out: &mut dyn Write) -> Result<Survey, StoreError> {
    survey(disk, |item| {
        let line = match item {
            Item::Entry {
                checkpoint: revision,
                bytes,
            } => match codec::decode(bytes) {
                Ok(entry) => Line::Checkpoint { revision, entry },
                Err(e) => Line::Unreadable {
                    revision,
                    error: e.to_string(),
                },
            },
            Item::Record(stored) => match codec::decode(stored.bytes) {
                Ok(record) => Line::Record(record),
                Err(e) => Line::Unreadable {
                    revision: stored.revision,
                    error: e.to_string(),
                },
            },
            Item::Damage(error @ LogError::Corrupt { file, .. }) => Line::Damage {
                file,
                error: error.to_string(),
            },
            Item::Damage(error) => Line::Damage {
                file: "",
                error: error.to_string(),
            },
        };
        let written = serde_json::to_writer(&mut *out, &line).map_err(Into::into);
        written
            .and_then(|()| out.write_all(b"\n"))
            .map_err(|e| StoreError::Unavailable {
                message: format!("cannot write the export: {e}"),
            })
    })
}

/// Opens a store that no server uses, drops what `options` do not keep, and closes it.
///
/// # Errors
/// [`StoreError`].
pub fn compact(
    disk: Arc<dyn Disk>,
    options: JournalOptions,
    now: Timestamp,
) -> Result<Compacted, StoreError> {
    let mut journal = DurableJournal::open(disk, options, now)?;
    let done = journal.tend()?;
    journal.close()?;
    Ok(done)
}
