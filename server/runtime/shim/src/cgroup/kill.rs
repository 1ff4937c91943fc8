//! Signalling every process of a cgroup.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{Cgroup, Layout, subdirectories};

const SIGKILL: i32 = 9;

pub(super) fn signal_all(cgroup: &Cgroup, layout: &Layout, signal: i32) -> io::Result<()> {
    let Some(directory) = process_directory(cgroup, layout) else {
        return Ok(());
    };
    if layout.is_unified() && signal == SIGKILL {
        // Atomic against forks, since Linux 5.14.
        match fs::write(directory.join("cgroup.kill"), "1") {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    let frozen = signal == SIGKILL && freeze(cgroup, layout, "FROZEN");
    let result = signal_tree(&directory, signal);
    if frozen {
        freeze(cgroup, layout, "THAWED");
    }
    result
}

/// Stops v1 processes from forking while they are listed. Their deaths happen when they thaw.
fn freeze(cgroup: &Cgroup, layout: &Layout, state: &str) -> bool {
    let directory = cgroup.directory(layout, "freezer");
    directory.is_some_and(|dir| fs::write(dir.join("freezer.state"), state).is_ok())
}

/// Every process is in every hierarchy, so one of them is enough to find them all.
fn process_directory(cgroup: &Cgroup, layout: &Layout) -> Option<PathBuf> {
    ["pids", "memory", "cpu"]
        .iter()
        .find_map(|controller| cgroup.directory(layout, controller))
        .or_else(|| cgroup.directories(layout).next())
}

fn signal_tree(directory: &Path, signal: i32) -> io::Result<()> {
    for child in subdirectories(directory)? {
        signal_tree(&child, signal)?;
    }
    let processes = match fs::read_to_string(directory.join("cgroup.procs")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        processes => processes?,
    };
    for pid in processes
        .lines()
        .filter_map(|line| line.parse::<i32>().ok())
    {
        // Zero stands for a process of a foreign pid namespace: it would signal ourselves.
        if pid > 0 {
            send(pid, signal);
        }
    }
    Ok(())
}

#[expect(unsafe_code, reason = "signals above SIGRTMIN have no safe interface")]
fn send(pid: i32, signal: i32) {
    // SAFETY: kill(2) takes two integers and touches no memory. The process may be gone: that is fine.
    unsafe { libc::kill(pid, signal) };
}
