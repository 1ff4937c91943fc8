//! After a (re)start: adopts the sandboxes of known pods, removes everything else.

use std::{collections::BTreeSet, fs, io, net::IpAddr, sync::Arc};

use lifepod_lifecycle::{
    effect::PodRef,
    id::PodUid,
    input::{Fact, InstanceFacts},
    port::KnownPod,
};
use lifepod_shim::{
    SandboxDir,
    protocol::{ContainerStatus, State},
};
use tokio_util::sync::CancellationToken;

use super::{
    Inner, blocking, exits,
    layout::{container_id, instances},
    pods::Entry,
    sandbox,
};
use crate::shim::ShimHandle;

/// Takes stock of every known pod; what belongs to nobody is removed in the background.
pub(super) async fn recover(inner: &Arc<Inner>, known: Vec<KnownPod>) -> Vec<(PodUid, Fact)> {
    let uids: BTreeSet<_> = known.iter().map(|known| known.pod.uid.clone()).collect();
    let found = known.into_iter().map(|KnownPod { pod }| async {
        let uid = pod.uid.clone();
        (uid, adopt(inner, pod).await)
    });
    let facts = futures::future::join_all(found).await;
    remove_strangers(inner, uids).await;
    facts
}

async fn adopt(inner: &Arc<Inner>, pod: PodRef) -> Fact {
    let Some((attempt, directory)) = newest_sandbox(inner, &pod.uid).await else {
        return Fact::Recovered {
            sandbox: None,
            instances: Vec::new(),
        };
    };
    let directory = SandboxDir::new(directory);
    match ShimHandle::connect(&directory).await {
        Ok((shim, state, events)) => {
            let ips = match pod.ips.first() {
                Some(IpAddr::V4(ip)) if !pod.spec.host_network => {
                    if let Err(error) = inner.network.adopt(pod.uid.as_str(), *ip) {
                        tracing::warn!(pod.key = %pod.key, %error, "the pod's link is gone");
                    }
                    vec![IpAddr::V4(*ip)]
                }
                _ => vec![inner.node.ip],
            };
            let (watching, namespaces) = (CancellationToken::new(), state.namespaces.clone());
            let entry = Arc::new(Entry {
                pod,
                attempt,
                shim,
                namespaces,
                watching,
            });
            let instances = stock(inner, &entry, state).await;
            inner.pods.insert(Arc::clone(&entry));
            exits::follow(inner, entry, events);
            Fact::Recovered {
                sandbox: Some(ips),
                instances,
            }
        }
        Err(_) => lost(inner, pod, attempt, directory).await,
    }
}

/// The newest sandbox directory of a pod.
async fn newest_sandbox(inner: &Inner, uid: &PodUid) -> Option<(u32, std::path::PathBuf)> {
    let pod = inner.layout.pod(uid);
    let newest = blocking(move || {
        let mut newest = None;
        for entry in fs::read_dir(pod)? {
            let name = entry?.file_name();
            let number = name
                .to_str()
                .and_then(|name| name.strip_prefix("sandbox-")?.parse::<u32>().ok());
            newest = newest.max(number);
        }
        Ok(newest)
    });
    let attempt = newest.await.ok().flatten()?;
    Some((attempt, inner.layout.sandbox(uid, attempt)))
}

/// What a living shim knows of its containers.
async fn stock(inner: &Arc<Inner>, entry: &Entry, state: State) -> Vec<InstanceFacts> {
    let containers = inner.layout.containers(&entry.pod.uid);
    let named = blocking(move || Ok(instances(&containers)))
        .await
        .unwrap_or_default();
    let mut found = Vec::new();
    for (container, attempt) in named {
        let id = container_id(&entry.pod.uid, &container, attempt);
        let status = state
            .containers
            .iter()
            .find(|known| known.id == id)
            .map(|known| &known.status);
        match status {
            Some(ContainerStatus::Running(started)) => found.push(InstanceFacts {
                container,
                attempt,
                container_id: id,
                started_at: exits::timestamp(started.started_at),
                exit: None,
            }),
            Some(ContainerStatus::Exited(record)) => {
                found.push(exits::instance(inner, &entry.pod, record, &container, attempt).await);
            }
            Some(ContainerStatus::Creating) | None => {}
        }
    }
    found
}

/// The shim is gone: exits it had recorded are still the truth, what it left is killed.
async fn lost(inner: &Arc<Inner>, pod: PodRef, attempt: u32, directory: SandboxDir) -> Fact {
    if let Err(error) = crate::shim::kill_leftovers(&directory).await {
        tracing::error!(pod.key = %pod.key, %error, "cannot kill what a dead shim left");
    }
    let path = directory.clone();
    let records = blocking(move || lifepod_shim::ExitRecord::load_all(&path))
        .await
        .unwrap_or_default();
    let containers = inner.layout.containers(&pod.uid);
    let named = blocking(move || Ok(instances(&containers)))
        .await
        .unwrap_or_default();
    let mut found = Vec::new();
    for (container, number) in named {
        let id = container_id(&pod.uid, &container, number);
        if let Some(record) = records.iter().find(|record| record.container_id == id) {
            found.push(exits::instance(inner, &pod, record, &container, number).await);
        }
    }
    tracing::warn!(pod.key = %pod.key, attempt, "the pod's sandbox did not survive");
    Fact::Recovered {
        sandbox: None,
        instances: found,
    }
}

/// Removes pods nobody knows, and links that belong to nobody.
async fn remove_strangers(inner: &Arc<Inner>, known: BTreeSet<PodUid>) {
    let pods = inner.layout.pods();
    let listed = blocking(move || {
        let names =
            fs::read_dir(pods)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        names.collect::<io::Result<Vec<_>>>()
    });
    for name in listed.await.unwrap_or_default() {
        let uid = PodUid::from(name.as_str());
        if known.contains(&uid) {
            continue;
        }
        tracing::warn!(pod.uid = %uid, "removing a pod nobody knows");
        if let Err(error) = sandbox::tear_down(inner, &uid, true).await {
            tracing::error!(pod.uid = %uid, %error, "cannot remove a pod nobody knows");
        }
    }
    let owner = Arc::clone(inner);
    let swept = blocking(move || owner.network.remove_orphans().map_err(io::Error::other));
    if let Err(error) = swept.await {
        tracing::warn!(%error, "cannot sweep the pods' network");
    }
}
