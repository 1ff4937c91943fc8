//! Rotation of container logs (kubernetes `pkg/kubelet/logs/container_log_manager.go`).
//!
//! ```text
//! 0.log                             written to
//! 0.log.20261122-143000             the last one that was full
//! 0.log.20261122-142000.gz          older ones, compressed
//! ```
//! The file is renamed while the shim writes to it, and the shim then opens a new one: no line is
//! lost. What is cut short by a crash is seen to in the next round.

use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};

const COMPRESSED: &str = "gz";
const UNFINISHED: &str = "tmp";

/// How large logs may become.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// A longer file is rotated.
    pub(super) bytes: u64,
    /// Files of one instance, with the one that is written to.
    pub(super) files: usize,
}

impl Default for Limits {
    /// The kubelet's.
    fn default() -> Self {
        Self {
            bytes: 10 << 20,
            files: 5,
        }
    }
}

/// Rotates the log of a container that runs, if it is too long; true if its writer has to open it
/// anew.
pub(super) fn rotate(log: &Path, limits: Limits) -> io::Result<bool> {
    let length = match fs::metadata(log) {
        // Its writer made one at the start: it was renamed, and a crash came before the opening.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        found => found?.len(),
    };
    if length <= limits.bytes {
        return Ok(false);
    }
    // Room for the one that is about to be rotated, and for the new one.
    let kept = limits.files.saturating_sub(2);
    let rotated = rotated(log)?;
    let (excess, kept) = rotated.split_at(rotated.len().saturating_sub(kept));
    for old in excess {
        fs::remove_file(old)?;
    }
    for old in kept.iter().filter(|path| !has_extension(path, COMPRESSED)) {
        compress(old)?;
    }
    let stamp = jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S");
    let mut name = OsString::from(log);
    name.push(format!(".{stamp}"));
    fs::rename(log, name)?;
    Ok(true)
}

/// What was rotated before, oldest first; unfinished work is removed.
fn rotated(log: &Path) -> io::Result<Vec<PathBuf>> {
    let (Some(directory), Some(name)) = (log.parent(), log.file_name()) else {
        return Ok(Vec::new());
    };
    let prefix = format!("{}.", name.to_string_lossy());
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if !name.starts_with(&prefix) {
            continue;
        }
        if has_extension(&path, UNFINISHED) {
            fs::remove_file(path)?;
        } else {
            found.push(path);
        }
    }
    // The stamp sorts by time.
    found.sort();
    Ok(found)
}

fn compress(path: &Path) -> io::Result<()> {
    let with = |extension: &str| {
        let mut name = OsString::from(path);
        name.push(format!(".{extension}"));
        PathBuf::from(name)
    };
    let unfinished = with(UNFINISHED);
    let mut out = GzEncoder::new(File::create(&unfinished)?, Compression::default());
    io::copy(&mut File::open(path)?, &mut out)?;
    out.finish()?;
    fs::rename(unfinished, with(COMPRESSED))?;
    fs::remove_file(path)
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|known| known == extension)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    const LIMITS: Limits = Limits { bytes: 4, files: 3 };

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let name =
            |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<_> = entries.map(name).collect();
        names.sort();
        names
    }

    #[test]
    fn only_a_log_that_is_too_long_is_rotated() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("0.log");
        fs::write(&log, "1234").unwrap();
        assert!(!rotate(&log, LIMITS).unwrap());
        fs::write(&log, "12345").unwrap();
        assert!(rotate(&log, LIMITS).unwrap());
        assert!(!log.exists(), "the writer makes a new one");
        assert_eq!(names(directory.path()).len(), 1);
    }

    /// The server ended after the renaming: the shim still writes to the old file.
    #[test]
    fn a_rotation_that_was_cut_short_is_finished_in_the_next_round() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("0.log");
        fs::write(&log, "12345").unwrap();
        assert!(rotate(&log, LIMITS).unwrap());
        assert!(rotate(&log, LIMITS).unwrap(), "nobody has opened it anew");
        assert_eq!(names(directory.path()).len(), 1, "what was rotated stays");
        fs::write(&log, "1").unwrap();
        assert!(!rotate(&log, LIMITS).unwrap());
    }

    #[test]
    fn older_logs_are_compressed_and_the_oldest_go() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        for name in [
            "0.log.20200101-000000.gz",
            "0.log.20200102-000000",
            "0.log.20200103-000000.tmp",
            "1.log",
        ] {
            fs::write(path(name), "old").unwrap();
        }
        fs::write(path("0.log"), "12345").unwrap();
        assert!(rotate(&path("0.log"), LIMITS).unwrap());
        let names = names(directory.path());
        assert_eq!(names[0], "0.log.20200102-000000.gz");
        assert!(names[1].starts_with("0.log.2"), "{names:?}");
        assert_eq!(names[2..], ["1.log"], "another instance's log stays");
        let mut text = String::new();
        let file = File::open(path("0.log.20200102-000000.gz")).unwrap();
        flate2::read::GzDecoder::new(file)
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, "old");
    }
}
