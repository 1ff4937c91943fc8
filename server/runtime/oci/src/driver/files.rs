//! The files every container of a pod sees: hosts, host name, resolver, shared memory.

use std::{fs, io, net::IpAddr, os::unix::fs::PermissionsExt as _, path::Path};

use lifepod_lifecycle::{effect::PodRef, spec};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::{
    bundle::{PodFiles, hostname},
    network::{
        DnsConfig, DnsOption, DnsPolicy, HostAlias, HostsEntry, host_network_hosts_file,
        pod_hosts_file, resolv_conf,
    },
};

/// Size of `/dev/shm`, as Kubernetes has it.
const SHM: &std::ffi::CStr = c"mode=1777,size=67108864";

/// Writes the pod's files. `ip` is its address; none with the host's network.
pub(super) fn write(pod: &PodRef, files: &PodFiles, ip: Option<IpAddr>) -> io::Result<()> {
    if let Some(parent) = files.hosts.parent() {
        fs::create_dir_all(parent)?;
    }
    let name = hostname(pod);
    let aliases: Vec<_> = pod
        .spec
        .host_aliases
        .iter()
        .map(|alias| HostAlias {
            ip: alias.ip.clone(),
            hostnames: alias.hostnames.clone(),
        })
        .collect();
    let hosts = match ip {
        Some(ip) => {
            let domain = pod.spec.subdomain.as_ref();
            let fqdn =
                domain.map(|sub| format!("{name}.{sub}.{}.svc.cluster.local", pod.key.namespace));
            pod_hosts_file(
                &HostsEntry {
                    ip,
                    hostname: &name,
                    fqdn: fqdn.as_deref(),
                },
                &aliases,
            )
        }
        None => host_network_hosts_file(
            &fs::read_to_string("/etc/hosts").unwrap_or_default(),
            &aliases,
        ),
    };
    world_readable(&files.hosts, &hosts)?;
    let name = if pod.spec.host_network {
        node_name().unwrap_or(name)
    } else {
        name
    };
    world_readable(&files.hostname, &format!("{name}\n"))?;
    world_readable(&files.resolv_conf, &resolver(&pod.spec)?)
}

fn node_name() -> Option<String> {
    rustix::system::uname()
        .nodename()
        .to_str()
        .ok()
        .map(str::to_owned)
}

fn world_readable(path: &Path, content: &str) -> io::Result<()> {
    fs::write(path, content)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644))
}

fn resolver(spec: &spec::PodSpec) -> io::Result<String> {
    let policy = if spec.dns_policy == spec::DnsPolicy::None {
        DnsPolicy::None
    } else {
        DnsPolicy::Default
    };
    let own = spec.dns_config.clone().unwrap_or_default();
    let options = own
        .options
        .into_iter()
        .map(|(name, value)| DnsOption { name, value })
        .collect();
    resolv_conf(
        policy,
        &DnsConfig {
            nameservers: own.nameservers,
            searches: own.searches,
            options,
        },
    )
}

/// Mounts the pod's shared memory; a mounted one is kept.
pub(super) fn mount_shm(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)?;
    if is_mount_point(path)? {
        return Ok(());
    }
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    Ok(mount("shm", path, "tmpfs", flags, SHM)?)
}

/// Takes a mount away; a missing one is fine.
pub(super) fn unmount_quietly(path: &Path) -> io::Result<()> {
    match unmount(path, UnmountFlags::DETACH) {
        Ok(()) | Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Whether something is mounted there: its device differs from its parent's.
fn is_mount_point(path: &Path) -> io::Result<bool> {
    let device = |path: &Path| rustix::fs::stat(path).map(|stat| stat.st_dev);
    let parent = path.parent().unwrap_or(path);
    Ok(device(path)? != device(parent)?)
}
