//! After a (re)start: adopts the sandboxes of known pods, removes everything else.

use std::{collections::BTreeSet, fs, io, net::IpAddr, sync::Arc};

use lifepod_lifecycle::{
    effect::PodRef,
    id::PodUid,
    input::{Fact, InstanceFacts},
    port::{KnownPod, RuntimeLost},
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
use crate::shim::{ShimError, ShimEvents, ShimHandle};

/// Takes stock of every known pod; what belongs to nobody is removed in the background.
///
/// # Errors
/// [`RuntimeLost`] if the truth about a pod cannot be found out: better no server than one that takes
/// a living pod for a dead one.
pub(super) async fn recover(
    inner: &Arc<Inner>,
    known: Vec<KnownPod>,
) -> Result<Vec<(PodUid, Fact)>, RuntimeLost> {
    let uids: BTreeSet<_> = known.iter().map(|known| known.pod.uid.clone()).collect();
    let found = known.into_iter().map(|KnownPod { pod }| async {
        let uid = pod.uid.clone();
        Ok((uid, adopt(inner, pod).await?))
    });
    let facts = futures::future::try_join_all(found).await?;
    remove_strangers(inner, uids).await;
    Ok(facts)
}

async fn adopt(inner: &Arc<Inner>, pod: PodRef) -> Result<Fact, RuntimeLost> {
    let unknown = |error: io::Error| RuntimeLost {
        message: format!("pod `{}`: {error}", pod.key),
    };
    let Some((attempt, directory)) = newest_sandbox(inner, &pod.uid).await.map_err(unknown)? else {
        return Ok(Fact::Recovered {
            sandbox: None,
            instances: Vec::new(),
        });
    };
    let directory = SandboxDir::new(directory);
    match connect(&directory).await {
        Ok(Some((shim, state, events))) => {
            let ips = match pod.ips.first() {
                Some(IpAddr::V4(ip)) if !pod.spec.host_network => {
                    if let Err(error) = inner.network.adopt(pod.uid.as_str(), *ip) {
                        tracing::warn!(pod.key = %pod.key, %error, "the pod's link is gone");
                    }
                    vec![IpAddr::V4(*ip)]
                }
                _ => vec![inner.node.ip],
            };
            let namespaces = state.namespaces.clone();
            let entry = Arc::new(Entry::new(pod.clone(), attempt, shim, namespaces));
            let instances = stock(inner, &entry, state).await.map_err(unknown)?;
            inner.pods.insert(Arc::clone(&entry));
            exits::follow(inner, entry, events);
            Ok(Fact::Recovered {
                sandbox: Some(ips),
                instances,
            })
        }
        Ok(None) => lost(inner, &pod, attempt, directory).await.map_err(unknown),
        Err(error) => Err(unknown(io::Error::other(error))),
    }
}

/// Connects to a shim; none if it is certain that there is none. One that lives and does not answer
/// is asked again before it counts as an error.
async fn connect(
    directory: &SandboxDir,
) -> Result<Option<(ShimHandle, State, ShimEvents)>, ShimError> {
    let mut tries = 0;
    loop {
        match ShimHandle::connect(directory).await {
            Ok(found) => return Ok(Some(found)),
            Err(error) if error.nobody_there() => return Ok(None),
            Err(error) if tries == CONNECT_TRIES => return Err(error),
            Err(error) => {
                tracing::warn!(dir = %directory.path().display(), %error, "a shim does not answer");
            }
        }
        tries += 1;
        tokio::time::sleep(CONNECT_PAUSE).await;
    }
}

const CONNECT_TRIES: u32 = 5;
const CONNECT_PAUSE: std::time::Duration = std::time::Duration::from_millis(200);

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
