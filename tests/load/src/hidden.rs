//! Where the compared runtimes run.
//!
//! The crun of some distributions refuses machines with the hybrid cgroup layout. A thread in a
//! mount namespace of its own, with an empty directory over the unified hierarchy, shows it a
//! plain v1 machine; programs that the thread starts inherit the view. The server is started
//! elsewhere and sees the machine as it is.

use anyhow::{Context, Result, anyhow};
use rustix::{
    mount::{MountFlags, MountPropagationFlags, mount, mount_change},
    thread::UnshareFlags,
};
use std::{path::Path, thread};

const UNIFIED: &str = "/sys/fs/cgroup/unified";

/// Runs `work` on a thread that sees no unified hierarchy beside v1 ones.
pub(crate) fn without_unified_cgroups<T: Send>(
    work: impl FnOnce() -> Result<T> + Send,
) -> Result<T> {
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            enter()?;
            work()
        });
        thread
            .join()
            .unwrap_or_else(|_| Err(anyhow!("the measuring thread panicked")))
    })
}

#[expect(unsafe_code, reason = "unshare(2) can break threads; this one is new")]
fn enter() -> Result<()> {
    // SAFETY: only this thread's view of mounts changes, and it holds no descriptor or path yet.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNS) }
        .context("cannot make a mount namespace")?;
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).context("cannot make mounts private")?;
    if Path::new(UNIFIED).is_dir() {
        // A cover rather than an unmount: what crun leaves there goes with the cover.
        mount("none", UNIFIED, "tmpfs", MountFlags::empty(), None)
            .context("cannot hide the unified hierarchy")?;
    }
    Ok(())
}
