//! Starts the shim's program.

use std::{
    fs, io,
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::process::CommandExt as _,
    },
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use lifepod_shim::{SandboxConfig, SandboxDir};
use rustix::{
    fs::CWD,
    mount::{OpenTreeFlags, open_tree},
};
use tokio::time::timeout;

use super::ShimError;

/// How long a sandbox may take to come up.
const READY: Duration = Duration::from_secs(30);

/// Writes the configuration and runs the starter, which ends when the shim is ready.
pub(super) async fn start(
    program: &Path,
    dir: &SandboxDir,
    config: &SandboxConfig,
) -> Result<(), ShimError> {
    let (program, dir, config) = (program.to_owned(), dir.clone(), config.clone());
    let started = tokio::task::spawn_blocking(move || run(&program, &dir, &config));
    let started = timeout(READY, started)
        .await
        .map_err(|_| ShimError::TimedOut)?;
    started.map_err(io::Error::other)?
}

fn run(program: &Path, dir: &SandboxDir, config: &SandboxConfig) -> Result<(), ShimError> {
    let json = serde_json::to_vec(config).map_err(io::Error::from)?;
    fs::write(dir.config(), json)?;
    let program = read_only(program)?;
    let output = Command::new(format!("/proc/self/fd/{}", program.as_raw_fd()))
        .arg0("lifepod-shim")
        .arg("--sandbox")
        .arg(dir.path())
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(ShimError::Start { message })
}

/// A view of the program through which nobody can write it.
///
/// While it enters a container the shim's child is a process of the container that still runs this
/// program: `/proc/<pid>/exe` leads a root in there to the host's file. What it finds is a mount of the
/// file alone, read-only and attached nowhere, so that nobody can change that.
fn read_only(program: &Path) -> io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let view = open_tree(CWD, program, flags)?;
    set_read_only(&view)?;
    Ok(view)
}

/// `struct mount_attr`.
#[repr(C)]
struct MountAttributes {
    set: u64,
    clear: u64,
    propagation: u64,
    user_namespace: u64,
}

#[expect(unsafe_code, reason = "mount_setattr(2) has no safe interface")]
fn set_read_only(mount: &OwnedFd) -> io::Result<()> {
    let attributes = MountAttributes {
        set: libc::MOUNT_ATTR_RDONLY,
        clear: 0,
        propagation: 0,
        user_namespace: 0,
    };
    // SAFETY: the kernel reads an empty string and the attributes, both of which outlive the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH,
            &raw const attributes,
            size_of::<MountAttributes>(),
        )
    };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
