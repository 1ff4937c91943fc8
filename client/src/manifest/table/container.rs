//! The desired state of a container.

use lifepod_proto::v1 as proto;
use serde_json::{Map, Value as Json};

use super::words;
use crate::manifest::{
    codec::{
        Bool, Codec, Dict, Enum, EnumGiven, Keep, List, Number, Obj, Opt, Quantity, Text,
        UnindexedEnum,
    },
    node::Node,
    object::{Object, object, put},
    read::Reader,
};

object! {
    proto::Container = "Container" {
        "name" => name: Keep(Text),
        "image" => image: Text,
        "imagePullPolicy" => image_pull_policy: Enum(&words::PULL_POLICY),
        "command" => command: List(Text),
        "args" => args: List(Text),
        "workingDir" => working_dir: Text,
        "envFrom" => env_from: List(Obj),
        "env" => env: List(Obj),
        "ports" => ports: List(Obj),
        "resources" => resources: Keep(Opt(Obj)),
        "resizePolicy" => resize_policy: List(Obj),
        "volumeMounts" => volume_mounts: List(Obj),
        "volumeDevices" => volume_devices: List(Obj),
        "livenessProbe" => liveness_probe: Opt(Obj),
        "readinessProbe" => readiness_probe: Opt(Obj),
        "startupProbe" => startup_probe: Opt(Obj),
        "lifecycle" => lifecycle: Opt(Obj),
        "terminationMessagePath" => termination_message_path: Text,
        "terminationMessagePolicy" => termination_message_policy: Enum(&words::TERMINATION_MESSAGE_POLICY),
        "securityContext" => security_context: Opt(Obj),
        "restartPolicy" => restart_policy: EnumGiven(&words::CONTAINER_RESTART_POLICY),
        "restartPolicyRules" => restart_policy_rules: List(Obj),
        "stdin" => stdin: Bool,
        "stdinOnce" => stdin_once: Bool,
        "tty" => tty: Bool,
    }
}

/// In Kubernetes the fields of the container stand beside its target.
impl Object for proto::EphemeralContainer {
    const KIND: &'static str = "EphemeralContainer";

    fn read_field(&mut self, name: &str, node: &Node, reader: &mut Reader) -> bool {
        if name == "targetContainerName" {
            Text.read(&mut self.target_container_name, node, reader);
            return true;
        }
        let container = self.container.get_or_insert_default();
        let mut known = true;
        reader.embedded("EphemeralContainerCommon", |reader| {
            known = container.read_field(name, node, reader);
        });
        known
    }

    fn write_fields(&self, fields: &mut Map<String, Json>) {
        if let Some(container) = &self.container {
            container.write_fields(fields);
        }
        put(
            fields,
            "targetContainerName",
            Text.write(&self.target_container_name),
        );
    }
}

object! {
    proto::ContainerRestartRule = "ContainerRestartRule" {
        "action" => action: Enum(&words::RULE_ACTION),
        "exitCodes" => exit_codes: Opt(Obj),
    }
}

object! {
    proto::ContainerRestartRuleOnExitCodes = "ContainerRestartRuleOnExitCodes" {
        "operator" => operator: Enum(&words::RULE_OPERATOR),
        "values" => values: List(Number),
    }
}

object! {
    proto::ContainerPort = "ContainerPort" {
        "name" => name: Text,
        "containerPort" => container_port: Keep(Number),
        "hostPort" => host_port: Number,
        "hostIP" => host_ip: Text,
        "protocol" => protocol: Enum(&words::PROTOCOL),
    }
}

object! {
    proto::VolumeMount = "VolumeMount" {
        "name" => name: Keep(Text),
        "mountPath" => mount_path: Keep(Text),
        "readOnly" => read_only: Bool,
        "recursiveReadOnly" => recursive_read_only: UnindexedEnum(&words::RECURSIVE_READ_ONLY),
        "subPath" => sub_path: Text,
        "subPathExpr" => sub_path_expr: Text,
        "mountPropagation" => mount_propagation: UnindexedEnum(&words::MOUNT_PROPAGATION),
    }
}

object! {
    proto::VolumeDevice = "VolumeDevice" {
        "name" => name: Keep(Text),
        "devicePath" => device_path: Keep(Text),
    }
}

object! {
    proto::ResourceRequirements = "ResourceRequirements" {
        "limits" => limits: Dict(Quantity, "v1.ResourceList"),
        "requests" => requests: Dict(Quantity, "v1.ResourceList"),
        "claims" => claims: List(Obj),
    }
}

object! {
    proto::ResourceClaim = "ResourceClaim" {
        "name" => name: Keep(Text),
        "request" => request: Text,
    }
}

object! {
    proto::ContainerResizePolicy = "ContainerResizePolicy" {
        "resourceName" => resource_name: Keep(Text),
        "restartPolicy" => restart_policy: Keep(Text),
    }
}
