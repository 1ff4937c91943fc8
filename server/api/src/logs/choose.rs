//! Which instance's log is meant (kubelet `kubelet_pods.go` validateContainerLogStatus).

use std::sync::Arc;

use lifepod_lifecycle::{Pod, state::Container, status::ContainerState};

use crate::{
    error::{ApiError, Result},
    exec::target::{annotated, container_named, container_names, place},
};

/// One start of one container.
#[derive(Clone, Debug)]
pub(super) struct Instance {
    pub pod: Arc<Pod>,
    pub container: String,
    pub attempt: u32,
}

/// The newest instance, or the one before it.
///
/// # Errors
/// `CONTAINER_REQUIRED`, `CONTAINER_NOT_FOUND`, `CONTAINER_WAITING`, `LOG_NOT_FOUND`.
pub(super) fn instance(pod: &Arc<Pod>, named: &str, previous: bool) -> Result<Instance> {
    let name = if named.is_empty() {
        default_container(pod)?
    } else {
        named
    };
    let container = container_named(pod, name)?;
    let attempt = if previous {
        previous_attempt(pod, container)?
    } else {
        newest_attempt(pod, container)?
    };
    Ok(Instance {
        pod: Arc::clone(pod),
        container: container.name.clone(),
        attempt,
    })
}

fn default_container(pod: &Pod) -> Result<&str> {
    if let Some(name) = annotated(pod) {
        return Ok(name);
    }
    match pod.spec.containers.as_slice() {
        [only] => Ok(&only.name),
        _ => Err(ApiError::ContainerRequired {
            pod: pod.meta.key.clone(),
            containers: container_names(pod),
        }),
    }
}

fn newest_attempt(pod: &Pod, container: &Container) -> Result<u32> {
    // A running process has a log, also while its postStart hook still hides it.
    if let Some(instance) = container.live() {
        return Ok(instance.attempt);
    }
    if let Some(exit) = &container.exit {
        return Ok(exit.attempt);
    }
    let reason = match status_of(pod, container) {
        Some(ContainerState::Waiting { reason, .. }) => reason.to_string(),
        _ => "ContainerCreating".to_owned(),
    };
    Err(ApiError::ContainerWaiting {
        at: place(pod, &container.name),
        reason,
    })
}

/// The instance that `lastState.terminated` shows.
fn previous_attempt(pod: &Pod, container: &Container) -> Result<u32> {
    let status = pod.status();
    let mut all = status.init_containers.iter().chain(&status.containers);
    let found = all.find(|status| status.name == container.name);
    let last = found.and_then(|status| status.last_state.as_ref());
    last.map(|finished| finished.attempt)
        .ok_or_else(|| ApiError::PreviousLogNotFound(place(pod, &container.name)))
}

fn status_of(pod: &Pod, container: &Container) -> Option<ContainerState> {
    let status = pod.status();
    let mut all = status.init_containers.into_iter().chain(status.containers);
    all.find(|status| status.name == container.name)
        .map(|status| status.state)
}
