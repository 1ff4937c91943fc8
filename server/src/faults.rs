//! A journal's disk that fails on demand, for tests of the whole server; feature `failpoints`.
//!
//! `LIFEPOD_STORE_FAULTS` holds words separated by spaces: `seed=N`; `tear=N`: once in N syncs the
//! power goes off with part of a commit written; `errors=FILE`: as long as the file holds `ENOSPC`,
//! `EROFS` or `EIO`, everything that changes the disk answers that. In any case what was not synced
//! is lost when the process is killed.

use std::sync::Arc;

use lifepod_store::disk::{Disk, Faults, FaultyDisk, RealDisk, VolatileDisk};

const VARIABLE: &str = "LIFEPOD_STORE_FAULTS";

/// Puts the faults of the environment in front of a disk.
pub(crate) fn wrap(disk: RealDisk) -> Arc<dyn Disk> {
    let Ok(words) = std::env::var(VARIABLE) else {
        return Arc::new(disk);
    };
    let word = |key: &str| {
        let mut words = words.split_whitespace();
        words.find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    };
    let number = |key| word(key).and_then(|text| text.parse().ok()).unwrap_or(0);
    let volatile = VolatileDisk::new(Arc::new(disk), number("seed"), number("tear"));
    let faults = Arc::new(Faults::default());
    if let Some(file) = word("errors") {
        faults.follow(file);
    }
    Arc::new(FaultyDisk::new(Arc::new(volatile), faults))
}
