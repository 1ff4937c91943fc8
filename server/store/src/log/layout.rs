//! Names of the files of a store.
//!
//! ```text
//! LOCK                      held by the process that has the store open
//! epoch                     identity of the store
//! journal/<revision>.log    segments, by the first revision they may hold, 20 digits
//! checkpoint/<revision>.ckpt  states, by the last revision they contain
//! *.new                     unfinished; removed when the store is opened
//! ```

use crate::{
    disk::Disk,
    error::{IoContext as _, LogError},
};

pub(crate) const LOCK: &str = "LOCK";
pub(crate) const EPOCH: &str = "epoch";
pub(crate) const JOURNAL: &str = "journal";
pub(crate) const CHECKPOINTS: &str = "checkpoint";

/// Path of the segment that starts with a revision.
pub(crate) fn segment_path(revision: u64) -> String {
    format!("{JOURNAL}/{revision:020}.log")
}

/// Path of the checkpoint of a revision.
pub(crate) fn checkpoint_path(revision: u64) -> String {
    format!("{CHECKPOINTS}/{revision:020}.ckpt")
}

/// The path a file has until it is complete.
pub(crate) fn unfinished(path: &str) -> String {
    format!("{path}.new")
}

/// Revisions of the segments there are, ascending.
pub(crate) fn segments(disk: &dyn Disk) -> Result<Vec<u64>, LogError> {
    revisions(disk, JOURNAL, ".log")
}

/// Revisions of the checkpoints there are, ascending.
pub(crate) fn checkpoints(disk: &dyn Disk) -> Result<Vec<u64>, LogError> {
    revisions(disk, CHECKPOINTS, ".ckpt")
}

fn revisions(disk: &dyn Disk, dir: &str, suffix: &str) -> Result<Vec<u64>, LogError> {
    let names = disk.list(dir).context("list", dir)?;
    let parse = |name: &String| {
        name.strip_suffix(suffix)
            .filter(|n| n.len() == 20)?
            .parse()
            .ok()
    };
    let mut found: Vec<u64> = names.iter().filter_map(parse).collect();
    found.sort_unstable();
    Ok(found)
}

/// Removes what an earlier process did not finish.
pub(crate) fn remove_unfinished(disk: &dyn Disk) -> Result<(), LogError> {
    for dir in ["", JOURNAL, CHECKPOINTS] {
        for name in disk.list(dir).context("list", dir)? {
            if name.ends_with(".new") {
                let path = if dir.is_empty() {
                    name
                } else {
                    format!("{dir}/{name}")
                };
                disk.remove(&path).context("remove", &path)?;
            }
        }
    }
    Ok(())
}

/// Writes a small file so that it appears whole or not at all, and durable.
pub(crate) fn write_whole(
    disk: &dyn Disk,
    dir: &str,
    path: &str,
    bytes: &[u8],
) -> Result<(), LogError> {
    let new = unfinished(path);
    let file = disk.create(&new).context("create", &new)?;
    file.write_at(bytes, 0).context("write", &new)?;
    file.sync_data().context("sync", &new)?;
    disk.rename(&new, path).context("rename", &new)?;
    disk.sync_dir(dir).context("sync", dir)
}
