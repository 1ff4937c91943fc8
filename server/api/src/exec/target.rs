//! Which container a request means, and whether it runs.

use std::sync::Arc;

use lifepod_lifecycle::{
    Pod,
    id::PodUid,
    state::{Activity, Container},
};
use lifepod_proto::v1 as proto;

use crate::{
    convert::meta::key,
    error::{ApiError, ContainerName, Result},
    shared::Shared,
};

/// The annotation that says which container is meant when none is named.
const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

/// The pod of a reference.
///
/// # Errors
/// `VALIDATION_FAILED`, `POD_NOT_FOUND`, `UID_MISMATCH`.
pub(crate) fn pod_of(
    shared: &Shared,
    target: Option<&proto::ContainerReference>,
) -> Result<(Arc<Pod>, String)> {
    let target = target.filter(|target| !target.pod.is_empty());
    let Some(target) = target else {
        let mut violations = lifepod_lifecycle::validate::Violations::default();
        violations.required("target.pod", "");
        return Err(ApiError::fields("the request", violations));
    };
    let pod = shared.pod(&key(&target.namespace, &target.pod))?;
    if !target.uid.is_empty() && target.uid != pod.meta.uid.as_str() {
        return Err(ApiError::UidMismatch {
            key: pod.meta.key.clone(),
            expected: PodUid::from(target.uid.as_str()),
            actual: pod.meta.uid.clone(),
        });
    }
    Ok((pod, target.container.clone()))
}

/// The container of that name.
///
/// # Errors
/// `CONTAINER_NOT_FOUND`.
pub(crate) fn container_named<'a>(pod: &'a Pod, name: &str) -> Result<&'a Container> {
    let mut all = pod.state().containers.iter();
    all.find(|container| container.name == name)
        .ok_or_else(|| ApiError::ContainerNotFound {
            at: place(pod, name),
            containers: container_names(pod),
        })
}

/// The container that the pod's annotation names, if there is one.
pub(crate) fn annotated(pod: &Pod) -> Option<&str> {
    let name = pod.meta.annotations.get(DEFAULT_CONTAINER)?;
    let exists = pod.state().containers.iter().any(|c| c.name == *name);
    exists.then_some(name)
}

/// Names of all containers, init containers first.
pub(crate) fn container_names(pod: &Pod) -> Vec<String> {
    let all = pod.state().containers.iter();
    all.map(|container| container.name.clone()).collect()
}

pub(crate) fn place(pod: &Pod, container: &str) -> Box<ContainerName> {
    Box::new(ContainerName {
        pod: pod.meta.key.clone(),
        container: container.to_owned(),
    })
}

/// A running instance.
#[derive(Clone, Debug)]
pub(super) struct Running {
    pub pod: Arc<Pod>,
    pub container: String,
    pub attempt: u32,
    pub container_id: String,
    /// Its process has a terminal.
    pub tty: bool,
    /// Its process was given a stdin.
    pub stdin: bool,
}

/// The running instance of a reference: of the container named, else of the annotated one, else
/// of the first.
///
/// # Errors
/// As [`pod_of`] and [`container_named`]; `POD_NOT_RUNNING`, `CONTAINER_NOT_RUNNING`.
pub(super) fn running(
    shared: &Shared,
    target: Option<&proto::ContainerReference>,
) -> Result<Running> {
    let (pod, named) = pod_of(shared, target)?;
    let phase = pod.state().observed.phase;
    if phase.is_terminal() {
        return Err(ApiError::PodNotRunning {
            key: pod.meta.key.clone(),
            phase: phase.as_str(),
        });
    }
    let first = pod.spec.containers.first().map(|c| c.name.as_str());
    let name = if named.is_empty() {
        annotated(&pod).or(first).unwrap_or_default().to_owned()
    } else {
        named
    };
    let container = container_named(&pod, &name)?;
    let instance = container.live().filter(|instance| instance.ended.is_none());
    let instance = instance.ok_or_else(|| ApiError::ContainerNotRunning {
        at: place(&pod, &name),
        state: state_of(container).to_owned(),
    })?;
    let mut specs = pod.spec.init_containers.iter().chain(&pod.spec.containers);
    let spec = specs.find(|spec| spec.name == name);
    Ok(Running {
        attempt: instance.attempt,
        container_id: instance.container_id.clone(),
        tty: spec.is_some_and(|spec| spec.tty),
        stdin: spec.is_some_and(|spec| spec.stdin),
        container: name,
        pod: Arc::clone(&pod),
    })
}

const fn state_of(container: &Container) -> &'static str {
    match (&container.activity, &container.exit) {
        (Activity::Live(_), _) => "terminated",
        (_, Some(_)) if container.shown.is_none() => "terminated",
        _ => "waiting",
    }
}
