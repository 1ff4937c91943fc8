//! Log files in the CRI format, where the kubelet would have them.
//!
//! Written on the calling thread: a few lines at a start cost less than another thread.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use lifepod_lifecycle::{effect::PodRef, time::Timestamp};

/// Directory of a pod's log files.
pub(crate) fn directory(root: &Path, pod: &PodRef) -> PathBuf {
    root.join(format!(
        "{}_{}_{}",
        pod.key.namespace, pod.key.name, pod.uid
    ))
}

/// Log file of one instance.
pub(crate) fn file(root: &Path, pod: &PodRef, container: &str, attempt: u32) -> PathBuf {
    directory(root, pod)
        .join(container)
        .join(format!("{attempt}.log"))
}

/// Writes the lines of an instance; without lines there is no file.
pub(crate) fn write(path: &Path, lines: &[String], at: Timestamp) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let stamp = jiff::Timestamp::from_nanosecond(i128::from(at.0)).map_err(io::Error::other)?;
    let mut text = String::new();
    // A line break in a script's text ends a line of the log, as it would in a program's output.
    for line in lines.iter().flat_map(|text| text.split('\n')) {
        text.push_str(&format!("{stamp:.9} stdout F {line}\n"));
    }
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    fs::write(path, text)
}

/// Removes a directory that need not exist.
pub(crate) fn remove(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes the directories of pods that are not among `known`.
pub(crate) fn keep_only(root: &Path, known: &[PathBuf]) -> io::Result<()> {
    let entries = match fs::read_dir(root) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() && !known.contains(&path) {
            remove(&path)?;
        }
    }
    Ok(())
}
