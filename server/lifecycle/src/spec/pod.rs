//! [`PodSpec`] and its small parts.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{ContainerSpec, EphemeralContainer};

/// When an exited container is started again, for the whole pod or for one container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RestartPolicy {
    /// After every exit.
    #[default]
    Always,
    /// After a non-zero exit.
    OnFailure,
    /// Never.
    Never,
}

impl RestartPolicy {
    /// Whether this policy restarts after `exit_code`.
    #[must_use]
    pub const fn restarts(self, exit_code: i32) -> bool {
        match self {
            Self::Always => true,
            Self::OnFailure => exit_code != 0,
            Self::Never => false,
        }
    }
}

/// How `/etc/resolv.conf` of the pod is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DnsPolicy {
    /// As [`DnsPolicy::Default`] on one node: there is no cluster DNS.
    #[default]
    ClusterFirst,
    /// As [`DnsPolicy::ClusterFirst`], also with the host's network.
    ClusterFirstWithHostNet,
    /// The node's `resolv.conf`.
    Default,
    /// Only [`DnsConfig`].
    None,
}

/// Additions to the pod's resolver configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsConfig {
    /// Addresses of name servers, at most three in all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nameservers: Vec<String>,
    /// Search domains.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub searches: Vec<String>,
    /// Resolver options: name and optional value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<(String, Option<String>)>,
}

/// One extra line in the pod's `/etc/hosts`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostAlias {
    /// Address.
    pub ip: String,
    /// Names for it.
    pub hostnames: Vec<String>,
}

/// The validated and defaulted pod specification.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PodSpec {
    /// Init containers and sidecars, in start order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub init_containers: Vec<ContainerSpec>,
    /// Regular containers, at least one.
    pub containers: Vec<ContainerSpec>,
    /// Containers added later for debugging, in order of their addition.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ephemeral_containers: Vec<EphemeralContainer>,
    /// Restart policy of containers that have none of their own.
    pub restart_policy: RestartPolicy,
    /// Time between the stop signal and SIGKILL, at least one second unless deletion asks for less.
    pub termination_grace_period: Duration,
    /// The pod fails when it was active for longer than this, measured from `status.startTime`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_deadline: Option<Duration>,
    /// Use the network namespace of the host.
    #[serde(default)]
    pub host_network: bool,
    /// Host name; the pod's name if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Subdomain for the fully qualified name in `/etc/hosts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subdomain: Option<String>,
    /// Extra lines for `/etc/hosts`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub host_aliases: Vec<HostAlias>,
    /// How `/etc/resolv.conf` is made.
    #[serde(default)]
    pub dns_policy: DnsPolicy,
    /// Additions to `/etc/resolv.conf`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_config: Option<DnsConfig>,
    /// Condition types that must be True, besides ready containers, for the pod to be Ready.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub readiness_gates: Vec<String>,
    /// Fields that are accepted and kept for reading, without effect on a single node
    /// (scheduling, service account, priority …), by their Kubernetes JSON name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<String, serde_json::Value>,
}

impl PodSpec {
    /// Every container: init containers, regular ones, ephemeral ones, each in order.
    pub fn all_containers(&self) -> impl Iterator<Item = &ContainerSpec> {
        let ephemeral = self.ephemeral_containers.iter().map(|e| &e.container);
        let others = self.init_containers.iter().chain(&self.containers);
        others.chain(ephemeral)
    }
}
