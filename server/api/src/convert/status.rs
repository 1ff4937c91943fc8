//! What is observed of a pod, as clients read it.

use lifepod_lifecycle::{
    Pod,
    spec::ContainerSpec,
    state::Finished,
    status::{self as rules, ContainerState, QosClass, Stage},
    time::Timestamp,
};
use lifepod_proto::v1 as proto;
use proto::container_state::State;

use super::{spec_out::container as spec_out, time};

/// Scheme of container ids.
const SCHEME: &str = "lifepod://";

pub(crate) fn status(pod: &Pod, node_ips: &[String]) -> proto::PodStatus {
    let status = pod.status();
    let pod_ips = addresses(pod, &status, node_ips);
    let generation = pod.meta.generation;
    let conditions = status.conditions.iter();
    proto::PodStatus {
        phase: phase(status.phase).into(),
        conditions: conditions.map(|c| condition(c, generation)).collect(),
        reason: status.reason.to_string(),
        message: status.message.clone(),
        pod_ip: pod_ips.first().cloned().unwrap_or_default(),
        pod_ips,
        host_ip: node_ips.first().cloned().unwrap_or_default(),
        host_ips: node_ips.to_vec(),
        start_time: status.start_time.map(time::seconds),
        qos_class: qos(status.qos_class).into(),
        init_container_statuses: containers(pod, &status.init_containers),
        container_statuses: containers(pod, &status.containers),
        ephemeral_container_statuses: containers(pod, &status.ephemeral_containers),
        observed_generation: generation,
        ..proto::PodStatus::default()
    }
}

/// A pod on the host's network has the host's addresses, from the moment it has a sandbox.
fn addresses(pod: &Pod, status: &rules::PodStatus, node_ips: &[String]) -> Vec<String> {
    if pod.spec.host_network && status.start_time.is_some() {
        return node_ips.to_vec();
    }
    status.ips.iter().map(ToString::to_string).collect()
}

pub(crate) const fn phase(phase: rules::Phase) -> proto::PodPhase {
    match phase {
        rules::Phase::Pending => proto::PodPhase::Pending,
        rules::Phase::Running => proto::PodPhase::Running,
        rules::Phase::Succeeded => proto::PodPhase::Succeeded,
        rules::Phase::Failed => proto::PodPhase::Failed,
        rules::Phase::Unknown => proto::PodPhase::Unknown,
    }
}

const fn qos(class: QosClass) -> proto::PodQosClass {
    match class {
        QosClass::Guaranteed => proto::PodQosClass::Guaranteed,
        QosClass::Burstable => proto::PodQosClass::Burstable,
        QosClass::BestEffort => proto::PodQosClass::BestEffort,
    }
}

/// The rules judge every revision at once, so a condition is always as new as the pod.
fn condition(condition: &rules::Condition, generation: i64) -> proto::PodCondition {
    let status = match condition.status {
        rules::Truth::True => proto::ConditionStatus::True,
        rules::Truth::False => proto::ConditionStatus::False,
        rules::Truth::Unknown => proto::ConditionStatus::Unknown,
    };
    proto::PodCondition {
        r#type: condition.kind.to_string(),
        status: status.into(),
        last_probe_time: None,
        last_transition_time: Some(time::seconds(condition.last_transition)),
        reason: condition.reason.to_string(),
        message: condition.message.clone(),
        observed_generation: generation,
    }
}

fn containers(pod: &Pod, list: &[rules::ContainerStatus]) -> Vec<proto::ContainerStatus> {
    let spec = |name: &str| pod.spec.all_containers().find(|spec| spec.name == name);
    list.iter().map(|c| container(c, spec(&c.name))).collect()
}

fn container(
    status: &rules::ContainerStatus,
    spec: Option<&ContainerSpec>,
) -> proto::ContainerStatus {
    let running = matches!(status.state, ContainerState::Running { .. });
    let resources = spec.map(|spec| &spec.resources).filter(|_| running);
    proto::ContainerStatus {
        name: status.name.clone(),
        state: Some(state(&status.state)),
        last_state: status
            .last_state
            .as_ref()
            .map(|finished| proto::ContainerState {
                state: Some(State::Terminated(terminated(finished))),
            }),
        ready: status.ready,
        restart_count: i32::try_from(status.restart_count).unwrap_or(i32::MAX),
        image: status.image.clone(),
        image_id: status.image_id.clone(),
        container_id: container_id(&status.container_id),
        started: status.started,
        stage: stage(status.stage).into(),
        allocated_resources: resources
            .map(|resources| spec_out::quantities(&resources.requests))
            .unwrap_or_default(),
        resources: resources.map(spec_out::resources),
        ..proto::ContainerStatus::default()
    }
}

/// `lifepod://<id>`, empty as long as there is no instance.
pub(crate) fn container_id(id: &str) -> String {
    if id.is_empty() {
        String::new()
    } else {
        format!("{SCHEME}{id}")
    }
}

fn state(state: &ContainerState) -> proto::ContainerState {
    let state = match state {
        ContainerState::Waiting { reason, message } => {
            State::Waiting(proto::ContainerStateWaiting {
                reason: reason.to_string(),
                message: message.clone(),
            })
        }
        ContainerState::Running { started_at } => State::Running(proto::ContainerStateRunning {
            started_at: Some(time::exact(*started_at)),
        }),
        ContainerState::Terminated(finished) => State::Terminated(terminated(finished)),
    };
    proto::ContainerState { state: Some(state) }
}

fn terminated(finished: &Finished) -> proto::ContainerStateTerminated {
    proto::ContainerStateTerminated {
        exit_code: finished.exit.status.code,
        signal: 0,
        reason: finished.reason.to_string(),
        message: finished.exit.message.clone(),
        started_at: known(finished, finished.started_at),
        finished_at: known(finished, finished.exit.finished_at),
        container_id: container_id(&finished.container_id),
    }
}

/// A container that the end of its pod found without an end of its own has no times. One that could
/// not be started has the epoch, as in Kubernetes.
fn known(finished: &Finished, at: Timestamp) -> Option<prost_types::Timestamp> {
    let never = finished.exit.finished_at == Timestamp::EPOCH;
    (!never).then(|| time::exact(at))
}

const fn stage(stage: Stage) -> proto::ContainerStage {
    match stage {
        Stage::Waiting => proto::ContainerStage::Waiting,
        Stage::Creating => proto::ContainerStage::Creating,
        Stage::Running => proto::ContainerStage::Running,
        Stage::Terminating => proto::ContainerStage::Terminating,
        Stage::Exited => proto::ContainerStage::Exited,
        Stage::Restarting => proto::ContainerStage::Restarting,
    }
}
