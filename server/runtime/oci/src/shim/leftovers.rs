//! What a dead shim left behind.

use std::{
    io,
    time::{Duration, Instant},
};

use lifepod_shim::{
    SandboxConfig, SandboxDir,
    cgroup::{Cgroup, Layout},
};

const SIGKILL: i32 = 9;
/// How long killed processes may take to be gone.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(5);

/// Kills every process of the pod's cgroup and removes it. Must not be called while the shim lives.
///
/// # Errors
/// If the cgroup cannot be emptied in time. A sandbox that was never configured has nothing left.
pub async fn kill_leftovers(dir: &SandboxDir) -> io::Result<()> {
    let dir = dir.clone();
    tokio::task::spawn_blocking(move || kill(&dir))
        .await
        .map_err(io::Error::other)?
}

fn kill(dir: &SandboxDir) -> io::Result<()> {
    if !dir.config().exists() {
        return Ok(());
    }
    let config = SandboxConfig::load(dir).map_err(io::Error::other)?;
    let (layout, cgroup) = (Layout::detect()?, Cgroup::new(&config.cgroup_parent)?);
    let end = Instant::now() + PATIENCE;
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
                "processes stay in cgroup `{}`",
                config.cgroup_parent
            )));
        }
        std::thread::sleep(PAUSE);
    }
}
