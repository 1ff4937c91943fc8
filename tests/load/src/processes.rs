//! Memory and processor time of processes, by the kernel's books.

use crate::machine::kib;
use anyhow::{Context, Result};
use std::{fs, path::Path, time::Duration};

/// Proportional set size in KiB: shared pages count in parts.
pub(crate) fn pss_kib(pid: u32) -> Result<f64> {
    kib(&format!("/proc/{pid}/smaps_rollup"), "Pss")
}

/// Processor time of all threads so far, to the nanosecond.
pub(crate) fn processor_time(pid: u32) -> Result<Duration> {
    let mut total = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))?.flatten() {
        // A thread may end between listing and reading.
        let text = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
        let running = text.split_whitespace().next();
        total += running.and_then(|ns| ns.parse().ok()).unwrap_or(0);
    }
    Ok(Duration::from_nanos(total))
}

/// Shims whose sandboxes lie below `folder`.
pub(crate) fn shims(folder: &Path) -> Vec<u32> {
    let below = folder.to_string_lossy().into_owned();
    find(|words| {
        let program = words
            .first()
            .is_some_and(|word| word.ends_with("lifepod-shim"));
        program && words.iter().any(|word| word.starts_with(&below))
    })
}

/// The one process that runs with this very argument.
pub(crate) fn with_argument(argument: &str) -> Result<u32> {
    let found = find(|words| words.contains(&argument));
    found
        .first()
        .copied()
        .with_context(|| format!("no process runs with `{argument}`"))
}

/// Processes whose command line, in words, fits.
fn find(fits: impl Fn(&[&str]) -> bool) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line);
        let words: Vec<_> = line.split('\0').collect();
        if fits(&words) {
            found.push(pid);
        }
    }
    found
}
