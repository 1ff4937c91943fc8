//! The pod's sandbox: namespaces that exist as long as this process, and shared memory.

use std::{
    ffi::CStr,
    fs, io,
    path::{Path, PathBuf},
};

use lifepod_shim::{SandboxConfig, protocol::Namespaces};
use rustix::{
    mount::{MountFlags, MountPropagationFlags, mount, mount_change},
    process::getpid,
    system::sethostname,
    thread::UnshareFlags,
};

/// Size of `/dev/shm`, as Kubernetes has it.
const SHM: &CStr = c"mode=1777,size=67108864";

/// Enters new namespaces and makes them usable. Answers where others find them.
pub(crate) fn create(config: &SandboxConfig) -> io::Result<Namespaces> {
    let mut flags = UnshareFlags::NEWUTS | UnshareFlags::NEWNS;
    flags.set(UnshareFlags::NEWNET, !config.host_network);
    flags.set(UnshareFlags::NEWIPC, !config.host_ipc);
    unshare(flags)?;
    // What is mounted here is not the host's business; what the host mounts and unmounts is ours.
    let propagation = MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC;
    mount_change("/", propagation)?;
    if let Some(path) = &config.shm {
        mount_shm(path)?;
    }
    if let Some(hostname) = &config.hostname {
        sethostname(hostname.as_bytes())?;
    }
    if !config.host_network {
        crate::sys::bring_loopback_up()?;
    }
    for (name, value) in &config.sysctls {
        set_sysctl(config, name, value)?;
    }
    let path = |flag, name: &str| {
        flags
            .contains(flag)
            .then(|| PathBuf::from(format!("/proc/{}/ns/{name}", getpid())))
    };
    Ok(Namespaces {
        net: path(UnshareFlags::NEWNET, "net"),
        ipc: path(UnshareFlags::NEWIPC, "ipc"),
        uts: path(UnshareFlags::NEWUTS, "uts"),
    })
}

fn mount_shm(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    Ok(mount("shm", path, "tmpfs", flags, SHM)?)
}

#[expect(unsafe_code, reason = "unshare(2) can break threads; there are none")]
fn unshare(flags: UnshareFlags) -> io::Result<()> {
    // SAFETY: the process has one thread and the flags leave its descriptors alone.
    unsafe { rustix::thread::unshare_unsafe(flags)? };
    Ok(())
}

/// Only parameters that belong to a namespace of this sandbox; others are the host's.
fn set_sysctl(config: &SandboxConfig, name: &str, value: &str) -> io::Result<()> {
    if !is_namespaced(config, name) {
        let text = format!("sysctl `{name}` does not belong to a namespace of this sandbox");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let path = format!("/proc/sys/{}", name.replace('.', "/"));
    fs::write(path, value)
        .map_err(|error| io::Error::new(error.kind(), format!("sysctl `{name}`: {error}")))
}

fn is_namespaced(config: &SandboxConfig, name: &str) -> bool {
    let ipc = ["kernel.shm", "kernel.msg", "fs.mqueue."];
    if name.split('.').any(|part| part.is_empty() || part == "..") || name.contains('/') {
        return false;
    }
    (name.starts_with("net.") && !config.host_network)
        || ((name == "kernel.sem" || ipc.iter().any(|prefix| name.starts_with(prefix)))
            && !config.host_ipc)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_sandbox_s_own_kernel_parameters_can_be_set() {
        let own = SandboxConfig::default();
        assert!(is_namespaced(&own, "net.core.somaxconn"));
        assert!(is_namespaced(&own, "kernel.shmmax"));
        assert!(!is_namespaced(&own, "vm.swappiness"));
        assert!(!is_namespaced(&own, "net./../vm.swappiness"));
        let host = SandboxConfig {
            host_network: true,
            ..SandboxConfig::default()
        };
        assert!(!is_namespaced(&host, "net.core.somaxconn"));
    }
}
