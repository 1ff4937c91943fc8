//! `CreateSandbox`, `RemoveSandbox`, `PurgePod`.

use std::{fs, io, net::IpAddr, path::Path, sync::Arc};

use lifepod_lifecycle::{
    effect::PodRef,
    id::{OpId, PodUid},
    input::Fact,
    spec::Protocol as SpecProtocol,
};
use lifepod_shim::{SandboxConfig, SandboxDir};
use thiserror::Error;

use super::{Inner, blocking, exits, files, pods::Entry};
use crate::{
    bundle::hostname,
    network::{NetworkError, PortMapping, Protocol},
    shim::{ShimError, ShimHandle},
};

#[derive(Debug, Error)]
enum SandboxError {
    #[error("cannot start the shim: {0}")]
    Shim(#[from] ShimError),
    #[error("network: {0}")]
    Network(#[from] NetworkError),
    #[error("{0}")]
    Io(#[from] io::Error),
}

pub(super) async fn create(inner: &Arc<Inner>, pod: &PodRef, op: OpId, attempt: u32) -> Fact {
    match try_create(inner, pod, attempt).await {
        Ok(ips) => Fact::SandboxReady { op, ips },
        Err(error) => {
            tracing::warn!(pod.key = %pod.key, %error, "sandbox failed");
            Fact::SandboxFailed {
                op,
                message: error.to_string(),
            }
        }
    }
}

async fn try_create(
    inner: &Arc<Inner>,
    pod: &PodRef,
    attempt: u32,
) -> Result<Vec<IpAddr>, SandboxError> {
    if let Some(entry) = inner
        .pods
        .get(&pod.uid)
        .filter(|entry| entry.attempt == attempt)
    {
        return attach(inner, pod, &entry).await;
    }
    let directory = inner.layout.sandbox(&pod.uid, attempt);
    let made = directory.clone();
    blocking(move || fs::create_dir_all(made)).await?;
    let directory = SandboxDir::new(directory);
    let config = SandboxConfig {
        id: pod.uid.to_string(),
        hostname: (!pod.spec.host_network).then(|| hostname(pod)),
        host_network: pod.spec.host_network,
        host_ipc: false,
        cgroup_parent: inner.cgroup(&pod.uid),
        shm: Some(inner.layout.shm(&pod.uid)),
        sysctls: std::collections::BTreeMap::new(),
    };
    // A crash may have left this very sandbox running: it is taken over.
    let (shim, state, events) = match ShimHandle::connect(&directory).await {
        Ok(found) => found,
        Err(error) if !error.nobody_there() => return Err(error.into()),
        Err(_) => ShimHandle::spawn(&inner.config.shim, &directory, &config).await?,
    };
    let entry = Arc::new(Entry::new(pod.clone(), attempt, shim, state.namespaces));
    inner.pods.insert(Arc::clone(&entry));
    exits::follow(inner, Arc::clone(&entry), events);
    let ips = attach(inner, pod, &entry).await?;
    if inner.pods.holds(&entry) {
        Ok(ips)
    } else {
        Err(SandboxError::Shim(ShimError::Gone))
    }
}

/// Connects the sandbox and writes the pod's files.
async fn attach(
    inner: &Arc<Inner>,
    pod: &PodRef,
    entry: &Entry,
) -> Result<Vec<IpAddr>, SandboxError> {
    let (inner, pod) = (Arc::clone(inner), pod.clone());
    let namespace = entry.namespaces.net.clone();
    let work = move || -> Result<Vec<IpAddr>, SandboxError> {
        let ip = match &namespace {
            Some(path) => {
                let ports = port_mappings(&pod);
                Some(IpAddr::V4(
                    inner.network.attach(pod.uid.as_str(), path, &ports)?.ip,
                ))
            }
            None => None,
        };
        let paths = inner.layout.files(&pod.uid);
        files::write(&pod, &paths, ip)?;
        Ok(vec![ip.unwrap_or(inner.node.ip)])
    };
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?
}

fn port_mappings(pod: &PodRef) -> Vec<PortMapping> {
    let containers = pod.spec.containers.iter().chain(&pod.spec.init_containers);
    let ports = containers.flat_map(|container| &container.ports);
    ports
        .filter_map(|port| {
            Some(PortMapping {
                protocol: match port.protocol {
                    SpecProtocol::Tcp => Protocol::Tcp,
                    SpecProtocol::Udp => Protocol::Udp,
                    SpecProtocol::Sctp => Protocol::Sctp,
                },
                host_ip: port.host_ip.as_deref().and_then(|ip| ip.parse().ok()),
                host_port: port.host_port?,
                container_port: port.container_port,
            })
        })
        .collect()
}

pub(super) async fn remove(inner: &Arc<Inner>, pod: &PodRef, op: OpId, purge: bool) -> Fact {
    match tear_down(inner, &pod.uid, purge).await {
        Ok(()) => Fact::SandboxRemoved { op, purged: purge },
        Err(error) => Fact::CleanupFailed {
            op,
            message: error.to_string(),
        },
    }
}

pub(super) async fn purge(inner: &Arc<Inner>, pod: &PodRef, op: OpId) -> Fact {
    let (layout, uid) = (inner.layout.clone(), pod.uid.clone());
    match blocking(move || purge_files(&layout, &uid)).await {
        Ok(()) => Fact::PodPurged { op },
        Err(error) => Fact::CleanupFailed {
            op,
            message: error.to_string(),
        },
    }
}

/// Removes everything of a pod that runs or is mounted; with `purge` its logs too.
pub(super) async fn tear_down(
    inner: &Arc<Inner>,
    uid: &PodUid,
    purge: bool,
) -> Result<(), io::Error> {
    let entry = inner.pods.remove(uid);
    shut_down(inner, uid, entry.as_deref()).await?;
    inner.unreached.remove(uid);
    let (inner, uid) = (Arc::clone(inner), uid.clone());
    blocking(move || {
        inner
            .network
            .detach(uid.as_str())
            .map_err(io::Error::other)?;
        remove_files(&inner, &uid)?;
        if purge {
            purge_files(&inner.layout, &uid)
        } else {
            Ok(())
        }
    })
    .await
}

/// Ends the shims of a pod, known or found, and what they left.
async fn shut_down(inner: &Inner, uid: &PodUid, known: Option<&Entry>) -> io::Result<()> {
    let mut ended = None;
    if let Some(entry) = known
        && end(&entry.shim).await.is_ok()
    {
        ended = Some(inner.layout.sandbox(uid, entry.attempt));
    }
    let pod = inner.layout.pod(uid);
    let list = blocking(move || sandboxes(&pod)).await?;
    for path in list.into_iter().filter(|path| ended.as_ref() != Some(path)) {
        let directory = SandboxDir::new(path);
        match ShimHandle::connect(&directory).await {
            Ok((shim, _, _)) => end(&shim).await?,
            Err(error) if error.nobody_there() => {
                crate::shim::kill_leftovers(&directory, &inner.cgroup(uid)).await?;
            }
            Err(error) => return Err(io::Error::other(error)),
        }
    }
    Ok(())
}

/// How long a shim may take to end everything it holds.
const END: std::time::Duration = std::time::Duration::from_secs(20);

async fn end(shim: &ShimHandle) -> io::Result<()> {
    let ended = tokio::time::timeout(END, shim.shutdown()).await;
    ended
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
        .map_err(io::Error::other)
}

fn sandboxes(pod: &Path) -> io::Result<Vec<std::path::PathBuf>> {
    let entries = match fs::read_dir(pod) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut list = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("sandbox-") {
            list.push(entry.path());
        }
    }
    Ok(list)
}

/// Unmounts and removes the pod's directory.
fn remove_files(inner: &Inner, uid: &PodUid) -> io::Result<()> {
    for (name, attempt) in super::layout::instances(&inner.layout.containers(uid))? {
        let directory = inner.layout.container(uid, &name, attempt);
        inner
            .images
            .snapshots()
            .unmount_and_remove(&directory.join("snapshot"))
            .map_err(io::Error::other)?;
    }
    remove_dir(&inner.layout.pod(uid))
}

fn purge_files(layout: &super::layout::Layout, uid: &PodUid) -> io::Result<()> {
    layout
        .logs_of(uid)
        .iter()
        .try_for_each(|path| remove_dir(path))
}

pub(super) fn remove_dir(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl Inner {
    /// Cgroup of a pod.
    pub(super) fn cgroup(&self, uid: &PodUid) -> String {
        format!("{}/{uid}", self.config.cgroup_root)
    }
}
