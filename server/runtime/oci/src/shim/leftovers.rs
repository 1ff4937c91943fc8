//! What a dead shim left behind.

use std::{
    fs::File,
    io,
    time::{Duration, Instant},
};

use lifepod_shim::{
    SandboxDir,
    cgroup::{Cgroup, Layout},
};
use rustix::fs::{FlockOperation, flock};

const SIGKILL: i32 = 9;
/// How long killed processes may take to be gone.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(5);

/// Kills every process of the pod's cgroup and removes it, once it is certain that the shim is
/// dead: a living one holds a lock, and its containers are not touched.
///
/// # Errors
/// If the shim lives, or the cgroup cannot be emptied in time.
pub async fn kill_leftovers(dir: &SandboxDir, cgroup: &str) -> io::Result<()> {
    let (dir, cgroup) = (dir.clone(), cgroup.to_owned());
    tokio::task::spawn_blocking(move || kill(&dir, &cgroup))
        .await
        .map_err(io::Error::other)?
}

fn kill(dir: &SandboxDir, path: &str) -> io::Result<()> {
    let end = Instant::now() + PATIENCE;
    let _lock = proof_of_death(dir, end)?;
    let (layout, cgroup) = (Layout::detect()?, Cgroup::new(path)?);
    loop {
        cgroup.signal_all(&layout, SIGKILL)?;
        if cgroup.remove(&layout)? {
            if let Some(parent) = cgroup.parent() {
                parent.remove_if_unused(&layout);
            }
            return Ok(());
        }
        if Instant::now() >= end {
            return Err(io::Error::other(format!(
                "processes stay in cgroup `{path}`"
            )));
        }
        std::thread::sleep(PAUSE);
    }
}

/// The lock that a living shim holds; none if there never was one. A shim that is just ending is
/// waited for.
fn proof_of_death(dir: &SandboxDir, end: Instant) -> io::Result<Option<File>> {
    let lock = match File::open(dir.lock()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        lock => lock?,
    };
    loop {
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(Some(lock)),
            Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < end => std::thread::sleep(PAUSE),
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let text = format!("the shim in `{}` lives", dir.path().display());
                return Err(io::Error::new(io::ErrorKind::ResourceBusy, text));
            }
            Err(error) => return Err(error.into()),
        }
    }
}
