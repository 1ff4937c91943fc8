//! The observed state of a pod.

use lifepod_proto::v1::{self as proto, container_state};
use serde_json::{Map, Value as Json, json};

use super::words;
use crate::manifest::{
    codec::{
        Bool, Codec, Conflict, Dict, Enum, Keep, List, NullableTime, Number, Obj, Opt, Quantity,
        Text, Time,
    },
    node::{Node, Value},
    object::{object, put},
    read::Reader,
};

object! {
    proto::PodStatus = "PodStatus" {
        "phase" => phase: Enum(&words::PHASE),
        "conditions" => conditions: List(Obj),
        "reason" => reason: Text,
        "message" => message: Text,
        "podIP" => pod_ip: Text,
        "podIPs" => pod_ips: Addresses,
        "hostIP" => host_ip: Text,
        "hostIPs" => host_ips: Addresses,
        "startTime" => start_time: Time,
        "qosClass" => qos_class: Enum(&words::QOS_CLASS),
        "initContainerStatuses" => init_container_statuses: List(Obj),
        "containerStatuses" => container_statuses: List(Obj),
        "ephemeralContainerStatuses" => ephemeral_container_statuses: List(Obj),
        "observedGeneration" => observed_generation: Number,
        "nominatedNodeName" => nominated_node_name: Text,
        "allocatedResources" => allocated_resources: Dict(Quantity, "v1.ResourceList"),
        "resources" => resources: Opt(Obj),
    }
    extra skip_claims, write_nothing;
}

/// State of dynamic resource allocation, which Lifepod does not have.
fn skip_claims(_: &mut proto::PodStatus, name: &str, _: &Node, _: &mut Reader) -> bool {
    matches!(
        name,
        "resourceClaimStatuses"
            | "extendedResourceClaimStatus"
            | "nodeAllocatableResourceClaimStatuses"
            | "resize"
    )
}

fn write_nothing(_: &proto::PodStatus, _: &mut Map<String, Json>) {}

/// Addresses, each an object with an `ip`.
struct Addresses;

impl Codec<Vec<String>> for Addresses {
    fn go_type(&self) -> String {
        "[]v1.PodIP".to_owned()
    }

    fn read(&self, target: &mut Vec<String>, node: &Node, reader: &mut Reader) {
        match &node.value {
            Value::List(items) => {
                let address = |item: &Node| item.get("ip").and_then(Node::text).map(str::to_owned);
                target.extend(items.iter().filter_map(address));
            }
            _ if node.is_null() => {}
            _ => reader.wrong_type(node, "[]v1.PodIP"),
        }
    }

    fn encode(&self, value: &Vec<String>) -> Json {
        value.iter().map(|ip| json!({ "ip": ip })).collect()
    }

    fn is_left_out(&self, value: &Vec<String>) -> bool {
        value.is_empty()
    }
}

object! {
    proto::PodCondition = "PodCondition" {
        "type" => r#type: Keep(Text),
        "status" => status: Keep(Enum(&words::CONDITION_STATUS)),
        "lastProbeTime" => last_probe_time: NullableTime,
        "lastTransitionTime" => last_transition_time: NullableTime,
        "reason" => reason: Text,
        "message" => message: Text,
        "observedGeneration" => observed_generation: Number,
    }
}

object! {
    proto::ContainerStatus = "ContainerStatus" {
        "name" => name: Keep(Text),
        "state" => state: Keep(Opt(Obj)),
        "lastState" => last_state: Keep(Opt(Obj)),
        "ready" => ready: Keep(Bool),
        "restartCount" => restart_count: Keep(Number),
        "image" => image: Keep(Text),
        "imageID" => image_id: Keep(Text),
        "containerID" => container_id: Text,
        "started" => started: Opt(Bool),
        "allocatedResources" => allocated_resources: Dict(Quantity, "v1.ResourceList"),
        "resources" => resources: Opt(Obj),
        "volumeMounts" => volume_mounts: List(Obj),
        "user" => user: Opt(Obj),
        "stopSignal" => stop_signal: Text,
    }
    extra skip_device_health, write_no_device_health;
}

/// Health of devices, which Lifepod does not hand out.
fn skip_device_health(
    _: &mut proto::ContainerStatus,
    name: &str,
    _: &Node,
    _: &mut Reader,
) -> bool {
    name == "allocatedResourcesStatus"
}

fn write_no_device_health(_: &proto::ContainerStatus, _: &mut Map<String, Json>) {}

object! {
    proto::ContainerState = "ContainerState" {}
    oneof state: container_state::State, in "",
    else Conflict::Forbidden("may not specify more than 1 state"); {
        "waiting" => Waiting: Obj,
        "running" => Running: Obj,
        "terminated" => Terminated: Obj,
    }
}

object! {
    proto::ContainerStateWaiting = "ContainerStateWaiting" {
        "reason" => reason: Text,
        "message" => message: Text,
    }
}

object! {
    proto::ContainerStateRunning = "ContainerStateRunning" {
        "startedAt" => started_at: NullableTime,
    }
}

object! {
    proto::ContainerStateTerminated = "ContainerStateTerminated" {
        "exitCode" => exit_code: Keep(Number),
        "signal" => signal: Number,
        "reason" => reason: Text,
        "message" => message: Text,
        "startedAt" => started_at: NullableTime,
        "finishedAt" => finished_at: NullableTime,
        "containerID" => container_id: Text,
    }
}

object! {
    proto::VolumeMountStatus = "VolumeMountStatus" {
        "name" => name: Keep(Text),
        "mountPath" => mount_path: Keep(Text),
        "readOnly" => read_only: Bool,
        "recursiveReadOnly" => recursive_read_only: Enum(&words::RECURSIVE_READ_ONLY),
    }
    extra read_image_ref, write_image_ref;
}

/// What Kubernetes nests as `volumeStatus.image.imageRef`.
fn read_image_ref(
    mount: &mut proto::VolumeMountStatus,
    name: &str,
    node: &Node,
    _: &mut Reader,
) -> bool {
    if name != "volumeStatus" {
        return false;
    }
    let image_ref = node.get("image").and_then(|image| image.get("imageRef"));
    mount.image_ref = image_ref
        .and_then(Node::text)
        .unwrap_or_default()
        .to_owned();
    true
}

fn write_image_ref(mount: &proto::VolumeMountStatus, fields: &mut Map<String, Json>) {
    if !mount.image_ref.is_empty() {
        let status = json!({ "image": { "imageRef": mount.image_ref } });
        put(fields, "volumeStatus", Some(status));
    }
}

object! {
    proto::ContainerUser = "ContainerUser" {
        "linux" => linux: Opt(Obj),
    }
}

object! {
    proto::LinuxContainerUser = "LinuxContainerUser" {
        "uid" => uid: Keep(Number),
        "gid" => gid: Keep(Number),
        "supplementalGroups" => supplemental_groups: List(Number),
    }
}
