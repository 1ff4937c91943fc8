//! Looking at the machine past the server: processes and memory.

use super::observer::SOON;
use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs, thread,
    time::{Duration, Instant},
};

const POLL: Duration = Duration::from_millis(5);

/// Processes whose command line has a text.
fn processes_with(text: &str) -> Vec<i32> {
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let has_text = |pid: &i32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.windows(text.len())
            .any(|window| window == text.as_bytes())
    };
    pids.filter(has_text).collect()
}

/// Waits until no process has a text in its command line.
///
/// # Errors
///
/// When there still is one after a while.
pub fn await_no_process_with(text: &str) -> Result<()> {
    await_none(text, processes_with)
}

/// Waits until exactly one process has a text in its command line. One that a shell has just forked
/// bears the shell's until it runs something else.
///
/// # Errors
///
/// When there still is none, or are several, after a while.
pub fn await_one_process_with(text: &str) -> Result<()> {
    await_some(text, 1, processes_with)
}

fn await_none(text: &str, find: impl Fn(&str) -> Vec<i32>) -> Result<()> {
    await_some(text, 0, find)
}

fn await_some(text: &str, count: usize, find: impl Fn(&str) -> Vec<i32>) -> Result<()> {
    let deadline = Instant::now() + SOON;
    loop {
        let pids = find(text);
        if pids.len() == count {
            return Ok(());
        }
        ensure!(
            Instant::now() < deadline,
            "{count} processes should have `{text}`, not {pids:?}"
        );
        thread::sleep(POLL);
    }
}

/// Shims whose command line has a text: a folder, or the uid of a pod.
fn shims_with(text: &str) -> Vec<i32> {
    let is_shim = |pid: &i32| {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        name.trim() == "lifepod-shim"
    };
    processes_with(text).into_iter().filter(is_shim).collect()
}

/// Waits until no shim has a text in its command line.
///
/// # Errors
///
/// When there still is one after a while.
pub fn await_no_shim_with(text: &str) -> Result<()> {
    await_none(text, shims_with)
}

/// Kills the shim of the pod with that uid.
///
/// # Errors
///
/// When there is not exactly one.
pub fn kill_shim(uid: &str) -> Result<()> {
    signal_shim(uid, Signal::KILL)
}

/// Lets the shim of a pod stand still, or go on.
///
/// # Errors
///
/// When it has none, or several.
pub fn freeze_shim(uid: &str, still: bool) -> Result<()> {
    signal_shim(uid, if still { Signal::STOP } else { Signal::CONT })
}

fn signal_shim(uid: &str, signal: Signal) -> Result<()> {
    let shims = shims_with(uid);
    ensure!(shims.len() == 1, "shims of {uid}: {shims:?}");
    let pid = Pid::from_raw(shims[0]).context("odd pid")?;
    Ok(kill_process(pid, signal)?)
}

/// Memory of a process that is its own alone, in bytes: what it would free by ending.
///
/// # Errors
///
/// When it has ended.
pub fn private_memory(pid: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let sizes = text.lines().filter_map(|line| {
        let (name, size) = line.split_once(':')?;
        name.starts_with("Private_")
            .then(|| size.trim().trim_end_matches(" kB").parse::<u64>())
    });
    let kibibytes = sizes.sum::<Result<u64, _>>()?;
    Ok(kibibytes << 10)
}
