//! The desired state of a pod.

use lifepod_proto::v1 as proto;
use serde_json::{Map, Value as Json};

use super::words;
use crate::manifest::{
    codec::{Bool, Codec, Dict, Enum, Keep, List, Number, Obj, Opaque, Opt, Quantity, Text},
    node::Node,
    object::{object, put},
    read::Reader,
};

object! {
    proto::PodSpec = "PodSpec" {
        "containers" => containers: Keep(List(Obj)),
        "initContainers" => init_containers: List(Obj),
        "ephemeralContainers" => ephemeral_containers: List(Obj),
        "volumes" => volumes: List(Obj),
        "restartPolicy" => restart_policy: Enum(&words::POD_RESTART_POLICY),
        "terminationGracePeriodSeconds" => termination_grace_period_seconds: Opt(Number),
        "activeDeadlineSeconds" => active_deadline_seconds: Opt(Number),
        "readinessGates" => readiness_gates: List(Obj),
        "nodeName" => node_name: Text,
        "hostNetwork" => host_network: Bool,
        "hostPID" => host_pid: Bool,
        "hostIPC" => host_ipc: Bool,
        "hostUsers" => host_users: Opt(Bool),
        "shareProcessNamespace" => share_process_namespace: Opt(Bool),
        "hostname" => hostname: Text,
        "subdomain" => subdomain: Text,
        "setHostnameAsFQDN" => set_hostname_as_fqdn: Opt(Bool),
        "hostnameOverride" => hostname_override: Opt(Text),
        "hostAliases" => host_aliases: List(Obj),
        "dnsPolicy" => dns_policy: Enum(&words::DNS_POLICY),
        "dnsConfig" => dns_config: Opt(Obj),
        "securityContext" => security_context: Opt(Obj),
        "imagePullSecrets" => image_pull_secrets: List(Obj),
        "automountServiceAccountToken" => automount_service_account_token: Opt(Bool),
        "os" => os: Opt(Obj),
        "runtimeClassName" => runtime_class_name: Opt(Text),
        "enableServiceLinks" => enable_service_links: Opt(Bool),
        "resources" => resources: Opt(Obj),
        "overhead" => overhead: Dict(Quantity, "v1.ResourceList"),
        "schedulerName" => scheduler_name: Text,
        "priorityClassName" => priority_class_name: Text,
        "priority" => priority: Opt(Number),
        "preemptionPolicy" => preemption_policy: Enum(&words::PREEMPTION_POLICY),
        "nodeSelector" => node_selector: Dict(Text, "map[string]string"),
        "tolerations" => tolerations: List(Obj),
        "affinity" => affinity: Opt(Opaque),
        "topologySpreadConstraints" => topology_spread_constraints: List(Obj),
        "schedulingGates" => scheduling_gates: List(Obj),
        "schedulingGroup" => scheduling_group: Opt(Opaque),
        "resourceClaims" => resource_claims: List(Opaque),
    }
    extra read_account, write_account;
}

/// The account has two names in Kubernetes, an old and a new one, which is read first.
fn read_account(spec: &mut proto::PodSpec, name: &str, node: &Node, reader: &mut Reader) -> bool {
    if !matches!(name, "serviceAccount" | "serviceAccountName") {
        return false;
    }
    let mut account = String::new();
    Text.read(&mut account, node, reader);
    if name == "serviceAccountName" || spec.service_account_name.is_empty() {
        spec.service_account_name = account;
    }
    true
}

fn write_account(spec: &proto::PodSpec, fields: &mut Map<String, Json>) {
    let account = &spec.service_account_name;
    put(fields, "serviceAccountName", Text.write(account));
    put(fields, "serviceAccount", Text.write(account));
}

object! {
    proto::PodReadinessGate = "PodReadinessGate" {
        "conditionType" => condition_type: Keep(Text),
    }
}

object! {
    proto::PodSchedulingGate = "PodSchedulingGate" {
        "name" => name: Keep(Text),
    }
}

object! {
    proto::HostAlias = "HostAlias" {
        "ip" => ip: Keep(Text),
        "hostnames" => hostnames: List(Text),
    }
}

object! {
    proto::PodDnsConfig = "PodDNSConfig" {
        "nameservers" => nameservers: List(Text),
        "searches" => searches: List(Text),
        "options" => options: List(Obj),
    }
}

object! {
    proto::PodDnsConfigOption = "PodDNSConfigOption" {
        "name" => name: Text,
        "value" => value: Opt(Text),
    }
}

object! {
    proto::PodOs = "PodOS" {
        "name" => name: Keep(Text),
    }
}

object! {
    proto::LocalObjectReference = "LocalObjectReference" {
        "name" => name: Text,
    }
}

object! {
    proto::Toleration = "Toleration" {
        "key" => key: Text,
        "operator" => operator: Text,
        "value" => value: Text,
        "effect" => effect: Text,
        "tolerationSeconds" => toleration_seconds: Opt(Number),
    }
}

object! {
    proto::TopologySpreadConstraint = "TopologySpreadConstraint" {
        "maxSkew" => max_skew: Keep(Number),
        "topologyKey" => topology_key: Keep(Text),
        "whenUnsatisfiable" => when_unsatisfiable: Keep(Text),
        "labelSelector" => label_selector: Opt(Opaque),
        "minDomains" => min_domains: Opt(Number),
        "nodeAffinityPolicy" => node_affinity_policy: Opt(Text),
        "nodeTaintsPolicy" => node_taints_policy: Opt(Text),
        "matchLabelKeys" => match_label_keys: List(Text),
    }
}
