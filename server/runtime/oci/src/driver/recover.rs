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

use super::{
    Inner, blocking, exits,
    layout::{container_id, instances},
    pods::Entry,
    sandbox,
};
use crate::shim::ShimHandle;

/// Takes stock of every known pod; what belongs to nobody is removed.
pub(super) async fn recover(inner: &Arc<Inner>, known: Vec<KnownPod>) -> Vec<(PodUid, Fact)> {
    let uids: BTreeSet<_> = known.iter().map(|known| known.pod.uid.clone()).collect();
    let found = known.into_iter().map(|KnownPod { pod }| async {
        let uid = pod.uid.clone();
        (uid, find(inner, pod).await)
    });
    let facts = futures::future::join_all(found).await;
    remove_strangers(inner, uids).await;
    facts
}

/// A pod of which the truth cannot be found out is out of contact: nobody must take a living one for
/// dead, and the others are served.
async fn find(inner: &Arc<Inner>, pod: PodRef) -> Fact {
    match adopt(inner, pod.clone()).await {
        Ok(fact) => fact,
        Err(error) => {
            tracing::warn!(pod.key = %pod.key, %error, "no contact to the pod");
            // Whatever has no owner is swept from the network at the start.
            keep_address(inner, &pod);
            inner.unreached.add(pod);
            Fact::ContactLost {
                message: error.to_string(),
            }
        }
    }
}

/// Looks again for a pod that was not found at the start.
pub(super) async fn find_again(inner: &Arc<Inner>, pod: PodRef) {
    let uid = pod.uid.clone();
    match adopt(inner, pod).await {
        Ok(fact) => {
            inner.tell(&uid, fact).await;
            inner.unreached.remove(&uid);
        }
        Err(error) => tracing::debug!(pod.uid = %uid, %error, "still no contact to the pod"),
    }
}

/// Takes over the sandbox of a pod and answers what there is of it.
async fn adopt(inner: &Arc<Inner>, pod: PodRef) -> io::Result<Fact> {
    let Some((attempt, directory)) = newest_sandbox(inner, &pod.uid).await? else {
        return Ok(Fact::Recovered {
            sandbox: None,
            instances: Vec::new(),
        });
    };
    let directory = SandboxDir::new(directory);
    match ShimHandle::connect(&directory).await {
        Ok((shim, state, events)) => {
            let ips = keep_address(inner, &pod);
            let namespaces = state.namespaces.clone();
            let entry = Arc::new(Entry::new(pod.clone(), attempt, shim, namespaces));
            let instances = stock(inner, &entry, state).await?;
            inner.pods.insert(Arc::clone(&entry));
            exits::follow(inner, entry, events);
            Ok(Fact::Recovered {
                sandbox: Some(ips),
                instances,
            })
        }
        Err(error) if error.nobody_there() => lost(inner, &pod, attempt, directory).await,
        Err(error) => Err(io::Error::other(error)),
    }
}

/// The addresses of a pod that lives. Its link is its own again.
fn keep_address(inner: &Inner, pod: &PodRef) -> Vec<IpAddr> {
    match pod.ips.first() {
        Some(IpAddr::V4(ip)) if !pod.spec.host_network => {
            if let Err(error) = inner.network.adopt(pod.uid.as_str(), *ip) {
                tracing::warn!(pod.key = %pod.key, %error, "the pod's link is gone");
            }
            vec![IpAddr::V4(*ip)]
        }
        _ => vec![inner.node.ip],
    }
}

/// The newest sandbox directory of a pod.
async fn newest_sandbox(
    inner: &Inner,
    uid: &PodUid,
) -> io::Result<Option<(u32, std::path::PathBuf)>> {
    let pod = inner.layout.pod(uid);
    let newest = blocking(move || {
        let mut newest = None;
        let entries = match fs::read_dir(pod) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            entries => entries?,
        };
        for entry in entries {
            let name = entry?.file_name();
            let number = name
                .to_str()
                .and_then(|name| name.strip_prefix("sandbox-")?.parse::<u32>().ok());
            newest = newest.max(number);
        }
        Ok(newest)
    });
    let newest = newest.await?;
    Ok(newest.map(|attempt| (attempt, inner.layout.sandbox(uid, attempt))))
}

/// What a living shim knows of its containers.
async fn stock(inner: &Arc<Inner>, entry: &Entry, state: State) -> io::Result<Vec<InstanceFacts>> {
    let containers = inner.layout.containers(&entry.pod.uid);
    let named = blocking(move || instances(&containers)).await?;
    let mut found = Vec::new();
    for (container, attempt) in named {
        let id = container_id(&entry.pod.uid, &container, attempt);
        entry.remember(&id, &container, attempt);
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
    Ok(found)
}

/// The shim is gone: exits it had recorded are still the truth, what it left is killed.
async fn lost(
    inner: &Arc<Inner>,
    pod: &PodRef,
    attempt: u32,
    directory: SandboxDir,
) -> io::Result<Fact> {
    crate::shim::kill_leftovers(&directory, &inner.cgroup(&pod.uid)).await?;
    let records = blocking(move || lifepod_shim::ExitRecord::load_all(&directory)).await?;
    let containers = inner.layout.containers(&pod.uid);
    let named = blocking(move || instances(&containers)).await?;
    let mut found = Vec::new();
    for (container, number) in named {
        let id = container_id(&pod.uid, &container, number);
        if let Some(record) = records.iter().find(|record| record.container_id == id) {
            found.push(exits::instance(inner, pod, record, &container, number).await);
        }
    }
    tracing::warn!(pod.key = %pod.key, attempt, "the pod's sandbox did not survive");
    Ok(Fact::Recovered {
        sandbox: None,
        instances: found,
    })
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
