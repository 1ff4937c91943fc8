//! Names and resolvers.

use lifepod_lifecycle::{
    spec::{DnsConfig, DnsPolicy, HostAlias},
    validate::Violations,
};
use lifepod_proto::v1 as proto;

const MAX_NAMESERVERS: usize = 3;
const MAX_SEARCHES: usize = 32;
const MAX_SEARCH_CHARACTERS: usize = 2048;

pub(super) fn host_aliases(spec: &proto::PodSpec) -> Vec<HostAlias> {
    let convert = |alias: &proto::HostAlias| HostAlias {
        ip: alias.ip.clone(),
        hostnames: alias.hostnames.clone(),
    };
    spec.host_aliases.iter().map(convert).collect()
}

pub(super) fn policy(spec: &proto::PodSpec, v: &mut Violations) -> DnsPolicy {
    use proto::DnsPolicy as Wire;
    match Wire::try_from(spec.dns_policy) {
        Ok(Wire::Unspecified | Wire::ClusterFirst) => DnsPolicy::ClusterFirst,
        Ok(Wire::ClusterFirstWithHostNet) => DnsPolicy::ClusterFirstWithHostNet,
        Ok(Wire::Default) => DnsPolicy::Default,
        Ok(Wire::None) => {
            requires_config(spec, v);
            DnsPolicy::None
        }
        Err(_) => {
            let known = ["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"];
            v.not_supported("spec.dnsPolicy", spec.dns_policy, &known);
            DnsPolicy::default()
        }
    }
}

fn requires_config(spec: &proto::PodSpec, v: &mut Violations) {
    match &spec.dns_config {
        None => v.required(
            "spec.dnsConfig",
            "must provide `dnsConfig` when `dnsPolicy` is None",
        ),
        Some(config) if config.nameservers.is_empty() => v.required(
            "spec.dnsConfig.nameservers",
            "must provide at least one DNS nameserver when `dnsPolicy` is None",
        ),
        Some(_) => {}
    }
}

pub(super) fn config(spec: &proto::PodSpec, v: &mut Violations) -> Option<DnsConfig> {
    let given = spec.dns_config.as_ref()?;
    bounds(given, v);
    for (index, server) in given.nameservers.iter().enumerate() {
        if server.parse::<std::net::IpAddr>().is_err() {
            let path = format!("spec.dnsConfig.nameservers[{index}]");
            let detail = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
            v.invalid(path, server, detail);
        }
    }
    for (index, option) in given.options.iter().enumerate() {
        if option.name.is_empty() {
            v.required(
                format!("spec.dnsConfig.options[{index}]"),
                "must not be empty",
            );
        }
    }
    let options = given.options.iter();
    Some(DnsConfig {
        nameservers: given.nameservers.clone(),
        searches: given.searches.clone(),
        options: options
            .map(|option| (option.name.clone(), option.value.clone()))
            .collect(),
    })
}

fn bounds(given: &proto::PodDnsConfig, v: &mut Violations) {
    if given.nameservers.len() > MAX_NAMESERVERS {
        let detail = format!("must not have more than {MAX_NAMESERVERS} nameservers");
        v.invalid("spec.dnsConfig.nameservers", &given.nameservers, &detail);
    }
    if given.searches.len() > MAX_SEARCHES {
        let detail = format!("must not have more than {MAX_SEARCHES} search paths");
        v.invalid("spec.dnsConfig.searches", &given.searches, &detail);
    }
    if given.searches.join(" ").len() > MAX_SEARCH_CHARACTERS {
        let detail = format!(
            "must not have more than {MAX_SEARCH_CHARACTERS} characters (including spaces) in the search list"
        );
        v.invalid("spec.dnsConfig.searches", &given.searches, &detail);
    }
}
