//! [`ContainerSpec`] and its small parts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Lifecycle, Probe, Quantity, RestartPolicy};

/// When an image is pulled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImagePullPolicy {
    /// Ask the registry before every start.
    Always,
    /// Pull only what is absent.
    #[default]
    IfNotPresent,
    /// Never ask a registry.
    Never,
}

/// Where a termination message comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TerminationMessagePolicy {
    /// Only the termination message file.
    #[default]
    File,
    /// The end of the log when the file is empty and the container failed.
    FallbackToLogsOnError,
}

/// Transport protocol of a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

/// A declared port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// Name by which probes and hooks may refer to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Port inside the pod.
    pub container_port: u16,
    /// Port of the host that is forwarded to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_port: Option<u16>,
    /// Host address that is forwarded; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_ip: Option<String>,
    /// Transport protocol.
    pub protocol: Protocol,
}

/// Where the value of an environment variable comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EnvVarSource {
    /// A field of the pod, for example `metadata.name` or `status.podIP`.
    Field {
        /// Kubernetes field path.
        path: String,
    },
    /// A resource of a container, for example `limits.cpu`.
    Resource {
        /// Container name; the variable's own container if absent.
        container: Option<String>,
        /// `limits.cpu`, `requests.memory` and so on.
        resource: String,
        /// Unit of the value; 1 if absent.
        divisor: Option<Quantity>,
    },
}

/// One environment variable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvVar {
    /// Name.
    pub name: String,
    /// Literal value, in which `$(OTHER)` is expanded.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// Computed value, used instead of `value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_from: Option<EnvVarSource>,
}

/// Compute resources of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// Upper bounds, by resource name (`cpu`, `memory`, …).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, Quantity>,
    /// What the container is entitled to.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: BTreeMap<String, Quantity>,
}

/// What a matching restart rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RestartRuleAction {
    /// Restart the container.
    Restart,
    /// Restart every container of the pod in place.
    RestartAllContainers,
}

/// A container-level restart rule on exit codes (KEP-5307).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestartRule {
    /// What to do on a match.
    pub action: RestartRuleAction,
    /// True for operator `NotIn`, false for `In`.
    pub not_in: bool,
    /// Exit codes.
    pub values: Vec<i32>,
}

impl RestartRule {
    /// Whether `exit_code` matches the rule.
    #[must_use]
    pub fn matches(&self, exit_code: i32) -> bool {
        self.values.contains(&exit_code) != self.not_in
    }
}

/// One container of a pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ContainerSpec {
    /// Name, unique among init and regular containers.
    pub name: String,
    /// Image reference as given.
    pub image: String,
    /// When the image is pulled.
    pub image_pull_policy: ImagePullPolicy,
    /// Replaces the image's entrypoint if not empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// Replaces the image's default arguments if not empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Working directory; the image's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<String>,
    /// Environment, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<EnvVar>,
    /// Declared ports.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<Port>,
    /// Compute resources.
    #[serde(default)]
    pub resources: Resources,
    /// Hooks.
    #[serde(default)]
    pub lifecycle: Lifecycle,
    /// Readiness probe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readiness_probe: Option<Probe>,
    /// Liveness probe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub liveness_probe: Option<Probe>,
    /// Startup probe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub startup_probe: Option<Probe>,
    /// The container's own restart policy. On an init container `Always` makes it a sidecar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart_policy: Option<RestartPolicy>,
    /// Rules consulted before `restart_policy`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restart_policy_rules: Vec<RestartRule>,
    /// File the container may write its termination message to.
    pub termination_message_path: String,
    /// Where the termination message is taken from.
    pub termination_message_policy: TerminationMessagePolicy,
    /// Keep a standard input open.
    #[serde(default)]
    pub stdin: bool,
    /// Close the standard input after the first attach.
    #[serde(default)]
    pub stdin_once: bool,
    /// Give the process a terminal.
    #[serde(default)]
    pub tty: bool,
}

/// A container added to a running pod for debugging: never restarted, never counted in the phase.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EphemeralContainer {
    /// The container; without ports, probes, hooks, resources and restart policy.
    pub container: ContainerSpec,
    /// Name of the container whose process namespace it joins; one of its own if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_container: Option<String>,
}
