//! One frame's pod, field by field, in the short words of the specification.
//!
//! | field | value |
//! |---|---|
//! | `phase`, `reason`, `message`, `qos`, `ip`, `generation`, `observedGeneration`, `grace` | as they are, `-` if absent |
//! | `deleting`, `startTime`, `gone` | `true`, `false` |
//! | `Ready`, any condition type | `True`, `False`, `Unknown`, `-`; with `.reason`, `.message`, `.generation` |
//! | `c1`, any container | `W(reason)`, `R`, `T(code,reason)`, `-` |
//! | `c1.rc`, `.last`, `.ready`, `.started`, `.message`, `.lastMessage`, `.stage`, `.image`, `.imageID`, `.id` | |
//! | `label.x` | value of the label |
//! | `/spec/nodeName` | any part of the object by its JSON pointer, `-` if absent |

use lifepod_client::{
    Word, manifest,
    proto::{
        ChangeKind, ContainerState, ContainerStatus, Pod, PodChange, PodCondition, PodStatus,
        container_state::State,
    },
};
use serde_json::Value;

const POD: [&str; 13] = [
    "phase",
    "reason",
    "message",
    "qos",
    "ip",
    "generation",
    "observedGeneration",
    "startTime",
    "deleting",
    "grace",
    "finalizers",
    "gone",
    "label",
];
const OF_CONDITION: [&str; 5] = ["", "reason", "message", "generation", "since"];
const OF_CONTAINER: [&str; 11] = [
    "",
    "rc",
    "last",
    "ready",
    "started",
    "message",
    "lastMessage",
    "stage",
    "image",
    "imageID",
    "id",
];
const CONDITIONS: [&str; 9] = [
    "PodScheduled",
    "PodReadyToStartContainers",
    "Initialized",
    "ContainersReady",
    "Ready",
    "AllContainersRestarting",
    "DisruptionTarget",
    "PodResizePending",
    "PodResizeInProgress",
];

/// Whether pods have a condition of that name; those of others have a `/` in it.
pub(super) fn is_condition(name: &str) -> bool {
    CONDITIONS.contains(&name) || name.contains('/')
}

/// Whether the frames of a pod have a field of that name.
pub(super) fn is_field(field: &str, is_container: impl Fn(&str) -> bool) -> bool {
    let (name, part) = field.split_once('.').unwrap_or((field, ""));
    if field.starts_with('/') {
        true
    } else if POD.contains(&name) {
        part.is_empty() != (name == "label")
    } else if is_condition(name) {
        OF_CONDITION.contains(&part)
    } else {
        is_container(name) && OF_CONTAINER.contains(&part)
    }
}

/// The value of a field of a frame.
pub(super) fn of_frame(frame: &PodChange, field: &str) -> String {
    match (&frame.pod, field) {
        (_, "gone") => (frame.kind() == ChangeKind::Deleted).to_string(),
        (Some(pod), pointer) if pointer.starts_with('/') => at(pod, pointer),
        (Some(pod), field) => value(pod, field),
        (None, _) => dash(),
    }
}

fn at(pod: &Pod, pointer: &str) -> String {
    match manifest::to_json(pod).pointer(pointer) {
        None => dash(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// The value of a field of a pod.
fn value(pod: &Pod, field: &str) -> String {
    let meta = pod.metadata.clone().unwrap_or_default();
    let empty = PodStatus::default();
    let status = pod.status.as_ref().unwrap_or(&empty);
    let (name, part) = field.split_once('.').unwrap_or((field, ""));
    match name {
        "phase" => status.phase().word().to_owned(),
        "reason" => or_dash(&status.reason),
        "message" => or_dash(&status.message),
        "qos" => status.qos_class().word().to_owned(),
        "ip" => or_dash(&status.pod_ip),
        "generation" => meta.generation.to_string(),
        "observedGeneration" => status.observed_generation.to_string(),
        "startTime" => status.start_time.is_some().to_string(),
        "deleting" => meta.deletion_timestamp.is_some().to_string(),
        "grace" => or_none(meta.deletion_grace_period_seconds),
        "label" => meta.labels.get(part).cloned().unwrap_or_else(dash),
        "finalizers" => or_dash(&meta.finalizers.join(",")),
        _ if is_condition(name) => {
            let condition = status.conditions.iter().find(|c| c.r#type == name);
            condition.map_or_else(dash, |condition| of_condition(condition, part))
        }
        _ => {
            let container = containers(status).into_iter().find(|c| c.name == name);
            container.map_or_else(dash, |container| of_container(container, part))
        }
    }
}

fn dash() -> String {
    "-".to_owned()
}

fn or_dash(text: &str) -> String {
    if text.is_empty() {
        dash()
    } else {
        text.to_owned()
    }
}

fn or_none(number: Option<i64>) -> String {
    number.map_or_else(dash, |number| number.to_string())
}

/// Every container's status.
fn containers(status: &PodStatus) -> Vec<&ContainerStatus> {
    let all = status.init_container_statuses.iter();
    let all = all.chain(&status.container_statuses);
    all.chain(&status.ephemeral_container_statuses).collect()
}

fn of_condition(condition: &PodCondition, part: &str) -> String {
    match part {
        "" => condition.status().word().to_owned(),
        "reason" => or_dash(&condition.reason),
        "message" => or_dash(&condition.message),
        "generation" => condition.observed_generation.to_string(),
        "since" => condition
            .last_transition_time
            .map_or_else(dash, |at| at.seconds.to_string()),
        other => format!("no field {other}"),
    }
}

fn of_container(container: &ContainerStatus, part: &str) -> String {
    match part {
        "" => word(container.state.as_ref()),
        "rc" => container.restart_count.to_string(),
        "last" => container
            .last_state
            .as_ref()
            .map_or_else(dash, |last| match last.state {
                None => dash(),
                Some(_) => word(Some(last)),
            }),
        "ready" => container.ready.to_string(),
        "started" => container
            .started
            .map_or_else(dash, |started| started.to_string()),
        "message" => or_dash(&message(container.state.as_ref())),
        "lastMessage" => or_dash(&message(container.last_state.as_ref())),
        "stage" => container.stage().word().to_owned(),
        "image" => or_dash(&container.image),
        "imageID" => or_dash(&container.image_id),
        "id" => or_dash(&container.container_id),
        other => format!("no field {other}"),
    }
}

/// `W(reason)`, `R` or `T(code,reason)`.
fn word(state: Option<&ContainerState>) -> String {
    match state.and_then(|state| state.state.as_ref()) {
        Some(State::Waiting(waiting)) => format!("W({})", waiting.reason),
        Some(State::Running(_)) => "R".to_owned(),
        Some(State::Terminated(end)) => format!("T({},{})", end.exit_code, end.reason),
        None => "W()".to_owned(),
    }
}

fn message(state: Option<&ContainerState>) -> String {
    match state.and_then(|state| state.state.as_ref()) {
        Some(State::Waiting(waiting)) => waiting.message.clone(),
        Some(State::Terminated(end)) => end.message.trim_end().to_owned(),
        _ => String::new(),
    }
}
