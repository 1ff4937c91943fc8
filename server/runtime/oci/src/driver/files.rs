//! The files every container of a pod sees: hosts, host name, resolver.

use std::{fs, io, net::IpAddr, os::unix::fs::PermissionsExt as _, path::Path};

use lifepod_lifecycle::{effect::PodRef, spec};

use crate::{
    bundle::{PodFiles, hostname},
    network::{
        DnsConfig, DnsOption, DnsPolicy, HostAlias, HostsEntry, host_network_hosts_file,
        pod_hosts_file, resolv_conf,
    },
};

/// Writes the pod's files. `ip` is its address; none with the host's network.
pub(super) fn write(pod: &PodRef, files: &PodFiles, ip: Option<IpAddr>) -> io::Result<()> {
    let name = hostname(pod);
    let aliases: Vec<_> = pod
        .spec
        .host_aliases
        .iter()
        .map(|alias| HostAlias {
            ip: alias.ip.clone(),
            hostnames: alias.hostnames.clone(),
        })
        .collect();
    let hosts = match ip {
        Some(ip) => {
            let domain = pod.spec.subdomain.as_ref();
            let fqdn =
                domain.map(|sub| format!("{name}.{sub}.{}.svc.cluster.local", pod.key.namespace));
            pod_hosts_file(
                &HostsEntry {
                    ip,
                    hostname: &name,
                    fqdn: fqdn.as_deref(),
                },
                &aliases,
            )
        }
        None => host_network_hosts_file(
            &fs::read_to_string("/etc/hosts").unwrap_or_default(),
            &aliases,
        ),
    };
    world_readable(&files.hosts, &hosts)?;
    let name = if pod.spec.host_network {
        node_name().unwrap_or(name)
    } else {
        name
    };
    world_readable(&files.hostname, &format!("{name}\n"))?;
    world_readable(&files.resolv_conf, &resolver(&pod.spec)?)
}

fn node_name() -> Option<String> {
    rustix::system::uname()
        .nodename()
        .to_str()
        .ok()
        .map(str::to_owned)
}

fn world_readable(path: &Path, content: &str) -> io::Result<()> {
    fs::write(path, content)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644))
}

fn resolver(spec: &spec::PodSpec) -> io::Result<String> {
    let policy = if spec.dns_policy == spec::DnsPolicy::None {
        DnsPolicy::None
    } else {
        DnsPolicy::Default
    };
    let own = spec.dns_config.clone().unwrap_or_default();
    let options = own
        .options
        .into_iter()
        .map(|(name, value)| DnsOption { name, value })
        .collect();
    resolv_conf(
        policy,
        &DnsConfig {
            nameservers: own.nameservers,
            searches: own.searches,
            options,
        },
    )
}
