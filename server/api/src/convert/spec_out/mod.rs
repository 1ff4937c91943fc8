//! A pod's specification as clients read it: with all defaults, and with everything that was
//! kept for reading.

pub(crate) mod container;
mod handler;

use lifepod_lifecycle::{
    Pod,
    spec::{DnsConfig, DnsPolicy, PodSpec, RestartPolicy},
};
use lifepod_proto::v1 as proto;

use super::extra;

pub(crate) fn spec(pod: &Pod) -> proto::PodSpec {
    let spec = &*pod.spec;
    let mut out = proto::PodSpec {
        containers: spec.containers.iter().map(container::convert).collect(),
        init_containers: spec
            .init_containers
            .iter()
            .map(container::convert)
            .collect(),
        ephemeral_containers: spec
            .ephemeral_containers
            .iter()
            .map(container::ephemeral)
            .collect(),
        restart_policy: restart_policy(spec.restart_policy).into(),
        termination_grace_period_seconds: Some(seconds(spec.termination_grace_period)),
        active_deadline_seconds: spec.active_deadline.map(seconds),
        readiness_gates: readiness_gates(spec),
        node_name: pod.meta.node.to_string(),
        host_network: spec.host_network,
        hostname: spec.hostname.clone().unwrap_or_default(),
        subdomain: spec.subdomain.clone().unwrap_or_default(),
        host_aliases: host_aliases(spec),
        dns_policy: dns_policy(spec.dns_policy).into(),
        dns_config: spec.dns_config.as_ref().map(dns_config),
        security_context: Some(proto::PodSecurityContext::default()),
        ..proto::PodSpec::default()
    };
    extra::restore(&spec.extra, &mut out);
    out
}

fn seconds(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

const fn restart_policy(policy: RestartPolicy) -> proto::RestartPolicy {
    match policy {
        RestartPolicy::Always => proto::RestartPolicy::Always,
        RestartPolicy::OnFailure => proto::RestartPolicy::OnFailure,
        RestartPolicy::Never => proto::RestartPolicy::Never,
    }
}

const fn dns_policy(policy: DnsPolicy) -> proto::DnsPolicy {
    match policy {
        DnsPolicy::ClusterFirst => proto::DnsPolicy::ClusterFirst,
        DnsPolicy::ClusterFirstWithHostNet => proto::DnsPolicy::ClusterFirstWithHostNet,
        DnsPolicy::Default => proto::DnsPolicy::Default,
        DnsPolicy::None => proto::DnsPolicy::None,
    }
}

fn readiness_gates(spec: &PodSpec) -> Vec<proto::PodReadinessGate> {
    let gates = spec.readiness_gates.iter().cloned();
    gates
        .map(|condition_type| proto::PodReadinessGate { condition_type })
        .collect()
}

fn host_aliases(spec: &PodSpec) -> Vec<proto::HostAlias> {
    let aliases = spec.host_aliases.iter();
    aliases
        .map(|alias| proto::HostAlias {
            ip: alias.ip.clone(),
            hostnames: alias.hostnames.clone(),
        })
        .collect()
}

fn dns_config(config: &DnsConfig) -> proto::PodDnsConfig {
    let options = config.options.iter();
    proto::PodDnsConfig {
        nameservers: config.nameservers.clone(),
        searches: config.searches.clone(),
        options: options
            .map(|(name, value)| proto::PodDnsConfigOption {
                name: name.clone(),
                value: value.clone(),
            })
            .collect(),
    }
}
