//! `StartContainer`, `StopContainer`, `KillContainer`.

use std::{
    fs, io,
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::fs::PermissionsExt as _,
    },
    path::PathBuf,
    sync::Arc,
};

use lifepod_lifecycle::{
    effect::PodRef,
    id::{OpId, PodUid},
    input::{Fact, StartFailure},
    spec::ContainerSpec,
    time::Timestamp,
};
use lifepod_shim::protocol::{ContainerStatus, CreateContainer, ErrorCode};

use super::{
    Inner, blocking,
    exits::{self, timestamp},
    instance::{self, Instance},
    layout::{container_id, instances},
    pods::Entry,
    sandbox::remove_dir,
};
use crate::{
    bundle::{ProcessUser, STOP_SIGNAL, Surroundings, config_json},
    image::ImageConfig,
    shim::ShimError,
    snapshot,
};

/// A start that failed.
struct Failed {
    failure: StartFailure,
    message: String,
}

fn create_failed(error: impl ToString) -> Failed {
    Failed {
        failure: StartFailure::Create,
        message: error.to_string(),
    }
}

fn config_failed(error: impl ToString) -> Failed {
    Failed {
        failure: StartFailure::Config,
        message: error.to_string(),
    }
}

pub(super) async fn start(
    inner: &Arc<Inner>,
    pod: &PodRef,
    op: OpId,
    container: &str,
    attempt: u32,
    image_id: &str,
) -> Fact {
    let id = container_id(&pod.uid, container, attempt);
    match try_start(inner, pod, container, attempt, image_id, &id).await {
        Ok(at) => {
            forget_before(inner, pod, container, attempt);
            Fact::ContainerStarted {
                op,
                container_id: id,
                at,
            }
        }
        Err(Failed { failure, message }) => {
            // An instance that could not start counts as one: it is not kept for ever either.
            forget_before(inner, pod, container, attempt);
            Fact::ContainerFailed {
                op,
                failure,
                container_id: id,
                message,
            }
        }
    }
}

async fn try_start(
    inner: &Arc<Inner>,
    pod: &PodRef,
    container: &str,
    attempt: u32,
    image_id: &str,
    id: &str,
) -> Result<Timestamp, Failed> {
    let Some(entry) = inner.pods.get(&pod.uid) else {
        let message = String::from("the pod's sandbox is gone");
        let lost = Fact::SandboxLost {
            message: message.clone(),
        };
        inner.tell(&pod.uid, lost).await;
        return Err(create_failed(message));
    };
    let spec = pod
        .container(container)
        .cloned()
        .ok_or_else(|| create_failed("no such container"))?;
    let (stdin, stdin_once) = (spec.stdin, spec.stdin_once);
    // An earlier try may have got further than its answer: what runs must keep its files.
    let snapshot = inner
        .layout
        .container(&pod.uid, container, attempt)
        .join(SNAPSHOT);
    if inner.images.snapshots().image_below(&snapshot).is_some()
        && let Some(at) = found(inner, &entry, id).await?
    {
        return Ok(at);
    }
    let (bundle, rootfs) = {
        let (inner, entry, image_id) = (Arc::clone(inner), Arc::clone(&entry), image_id.to_owned());
        // The pod as it is now: when its sandbox was asked for it had no address yet.
        let pod = pod.clone();
        let work = move || prepare(&inner, &entry, &pod, &spec, attempt, &image_id);
        tokio::task::spawn_blocking(work)
            .await
            .map_err(create_failed)??
    };
    let log = inner.layout.log(pod, container, attempt);
    let request = CreateContainer {
        id: id.to_owned(),
        bundle,
        rootfs: false,
        log: Some(log),
        stdin,
        stdin_once,
    };
    entry.remember(id, container, attempt);
    match entry.shim.create_on(rootfs, request).await {
        Ok(started) => Ok(timestamp(started.started_at)),
        // An earlier try got this far before its answer was lost.
        Err(ShimError::Refused(failure)) if failure.code == ErrorCode::AlreadyExists => {
            let found = found(inner, &entry, id).await?;
            found.ok_or_else(|| create_failed(failure))
        }
        Err(ShimError::Refused(failure)) => {
            let cannot_run = [
                ErrorCode::ExecutableNotFound,
                ErrorCode::ExecutableNotPermitted,
            ];
            if cannot_run.contains(&failure.code) {
                Err(Failed {
                    failure: StartFailure::Start,
                    message: failure.message,
                })
            } else {
                Err(create_failed(failure))
            }
        }
        Err(error) => Err(create_failed(error)),
    }
}

/// When an instance that exists already was started. Its end is told again in case it was told when
/// nobody expected it.
async fn found(
    inner: &Arc<Inner>,
    entry: &Arc<Entry>,
    id: &str,
) -> Result<Option<Timestamp>, Failed> {
    let known = instance::look(&entry.shim, id)
        .await
        .map_err(create_failed)?;
    Ok(match known {
        None => None,
        Some(Instance::Runs(started)) => Some(timestamp(started.started_at)),
        Some(Instance::Ended(record)) => {
            exits::exited(inner, entry, &record).await;
            Some(timestamp(record.started_at))
        }
    })
}

/// Directory of an instance's snapshot.
const SNAPSHOT: &str = "snapshot";

/// Makes snapshot, termination message file, log directory and bundle; answers the bundle and the root
/// file system.
fn prepare(
    inner: &Inner,
    entry: &Entry,
    pod: &PodRef,
    spec: &ContainerSpec,
    attempt: u32,
    image_id: &str,
) -> Result<(PathBuf, OwnedFd), Failed> {
    let directory = inner.layout.container(&pod.uid, &spec.name, attempt);
    fs::create_dir_all(&directory).map_err(create_failed)?;
    let (image, config) = inner.images.inspect(image_id).map_err(create_failed)?;
    let snapshot = directory.join(SNAPSHOT);
    let rootfs = inner
        .images
        .snapshots()
        .prepare_detached(&image.id, &snapshot)
        .map_err(create_failed)?;
    let termination_log = inner.layout.termination_log(&pod.uid, &spec.name, attempt);
    fresh_file(&termination_log).map_err(create_failed)?;
    if let Some(logs) = inner.layout.log(pod, &spec.name, attempt).parent() {
        fs::create_dir_all(logs).map_err(create_failed)?;
    }
    let user = user(&rootfs, &config)?;
    let surroundings = Surroundings {
        rootfs: snapshot.join("rootfs"),
        image: ImageConfig::clone(&config),
        user,
        network: entry.namespaces.net.clone(),
        ipc: entry.namespaces.ipc.clone(),
        uts: entry.namespaces.uts.clone(),
        pod_files: inner.layout.files(&pod.uid),
        termination_log,
        cgroup: format!("{}/{}-{attempt}", inner.cgroup(&pod.uid), spec.name),
        node: inner.node.clone(),
    };
    let json = config_json(pod, spec, &surroundings).map_err(config_failed)?;
    let text = serde_json::to_vec(&json).map_err(create_failed)?;
    fs::write(directory.join("config.json"), text).map_err(create_failed)?;
    Ok((directory, rootfs))
}

fn user(rootfs: &OwnedFd, config: &ImageConfig) -> Result<ProcessUser, Failed> {
    let rootfs = PathBuf::from(format!("/proc/self/fd/{}", rootfs.as_raw_fd()));
    let user = snapshot::user::resolve(&rootfs, &config.user).map_err(create_failed)?;
    Ok(ProcessUser {
        uid: user.uid,
        gid: user.gid,
        additional_gids: user.additional_gids,
    })
}

/// An empty file everybody may write: the container's user is not ours.
fn fresh_file(path: &std::path::Path) -> io::Result<()> {
    fs::write(path, b"")?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o666))
}

/// Removes what earlier instances left, except their logs.
fn forget_before(inner: &Arc<Inner>, pod: &PodRef, container: &str, attempt: u32) {
    if attempt == 0 {
        return;
    }
    let (inner, uid, name) = (Arc::clone(inner), pod.uid.clone(), container.to_owned());
    inner.tasks.clone().spawn(async move {
        let containers = inner.layout.containers(&uid);
        let all = blocking(move || instances(&containers)).await.unwrap_or_default();
        for (_, earlier) in all.into_iter().filter(|(n, number)| *n == name && *number < attempt) {
            if let Err(error) = forget(&inner, &uid, &name, earlier).await {
                tracing::warn!(pod.uid = %uid, container = name, attempt = earlier, %error, "cannot remove an ended container");
            }
        }
    });
}

async fn forget(inner: &Arc<Inner>, uid: &PodUid, name: &str, attempt: u32) -> io::Result<()> {
    let id = container_id(uid, name, attempt);
    if let Some(entry) = inner.pods.get(uid) {
        entry.shim.delete(&id).await.map_err(io::Error::other)?;
        entry.forget(&id);
    }
    let directory = inner.layout.container(uid, name, attempt);
    let owner = Arc::clone(inner);
    blocking(move || {
        let snapshots = owner.images.snapshots();
        let snapshot = directory.join(SNAPSHOT);
        snapshots
            .unmount_and_remove(&snapshot)
            .map_err(io::Error::other)?;
        remove_dir(&directory)
    })
    .await
}

/// Sends the image's stop signal.
pub(super) async fn stop(
    inner: &Arc<Inner>,
    pod: &PodRef,
    container: &str,
    attempt: u32,
    id: &str,
) {
    let bundle = inner
        .layout
        .container(&pod.uid, container, attempt)
        .join("config.json");
    let name = blocking(move || stop_signal(&bundle))
        .await
        .unwrap_or_default();
    signal(inner, pod, id, signal_number(&name), false).await;
}

/// Sends SIGKILL. A container that has ended already has its end told again: a kill is repeated until
/// the end is known, so no lost exit can keep a pod for ever.
pub(super) async fn kill(inner: &Arc<Inner>, pod: &PodRef, id: &str) {
    signal(inner, pod, id, SIGKILL, true).await;
    let Some(entry) = inner.pods.get(&pod.uid) else {
        return;
    };
    let Ok(state) = entry.shim.state().await else {
        return;
    };
    let known = state.containers.into_iter().find(|known| known.id == id);
    if let Some(ContainerStatus::Exited(record)) = known.map(|known| known.status) {
        exits::exited(inner, &entry, &record).await;
    }
}

const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;

async fn signal(inner: &Inner, pod: &PodRef, id: &str, signal: i32, all: bool) {
    let Some(entry) = inner.pods.get(&pod.uid) else {
        return;
    };
    if let Err(error) = entry.shim.signal(id, signal, all).await {
        tracing::debug!(pod.key = %pod.key, container.id = id, signal, %error, "signal not delivered");
    }
}

fn stop_signal(bundle: &std::path::Path) -> io::Result<String> {
    let json: serde_json::Value = serde_json::from_slice(&fs::read(bundle)?)?;
    Ok(json["annotations"][STOP_SIGNAL]
        .as_str()
        .unwrap_or_default()
        .to_owned())
}

/// Number of a signal given as `SIGQUIT`, `QUIT` or `3`; SIGTERM if it is none.
fn signal_number(name: &str) -> i32 {
    const NAMES: [&str; 31] = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
        "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
        "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ];
    if let Ok(number) = name.parse::<i32>() {
        return if (1..=64).contains(&number) {
            number
        } else {
            SIGTERM
        };
    }
    let upper = name.to_ascii_uppercase();
    let short = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Some(offset) = short.strip_prefix("RTMIN").and_then(|rest| match rest {
        "" => Some(0),
        rest => rest.strip_prefix('+')?.parse::<i32>().ok(),
    }) {
        return 34 + offset.clamp(0, 30);
    }
    let position = NAMES.iter().position(|known| *known == short);
    position
        .and_then(|at| i32::try_from(at + 1).ok())
        .unwrap_or(SIGTERM)
}

#[cfg(test)]
mod tests {
    use super::signal_number;

    #[test]
    fn signals_are_known_by_name_and_number() {
        for (name, number) in [
            ("SIGQUIT", 3),
            ("quit", 3),
            ("9", 9),
            ("", 15),
            ("SIGRTMIN+3", 37),
            ("nonsense", 15),
            ("99", 15),
        ] {
            assert_eq!(signal_number(name), number, "`{name}`");
        }
    }
}
