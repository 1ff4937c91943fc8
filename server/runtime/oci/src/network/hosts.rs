//! The `/etc/hosts` that a pod's containers see, byte for byte as the kubelet writes it
//! (`pkg/kubelet/kubelet_pods.go`, `ensureHostsFile`).

use std::{fmt::Write as _, net::IpAddr};

/// One entry of `hostAliases` in the pod's spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostAlias {
    /// The address.
    pub ip: String,
    /// Its names.
    pub hostnames: Vec<String>,
}

/// The pod's own line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostsEntry<'a> {
    /// The pod's address.
    pub ip: IpAddr,
    /// The pod's host name.
    pub hostname: &'a str,
    /// The name with domain, for pods that have a subdomain.
    pub fqdn: Option<&'a str>,
}

/// The file of a pod with its own network.
#[must_use]
pub fn pod_hosts_file(entry: &HostsEntry<'_>, aliases: &[HostAlias]) -> String {
    let mut file = String::from(
        "# Kubernetes-managed hosts file.\n\
         127.0.0.1\tlocalhost\n\
         ::1\tlocalhost ip6-localhost ip6-loopback\n\
         fe00::0\tip6-localnet\n\
         fe00::0\tip6-mcastprefix\n\
         fe00::1\tip6-allnodes\n\
         fe00::2\tip6-allrouters\n",
    );
    let HostsEntry { ip, hostname, fqdn } = entry;
    let _ = match fqdn {
        Some(fqdn) => writeln!(file, "{ip}\t{fqdn}\t{hostname}"),
        None => writeln!(file, "{ip}\t{hostname}"),
    };
    push_aliases(&mut file, aliases);
    file
}

/// The file of a pod on the host's network: the host's own, passed as `node_file`, and aliases.
#[must_use]
pub fn host_network_hosts_file(node_file: &str, aliases: &[HostAlias]) -> String {
    let mut file = format!("# Kubernetes-managed hosts file (host network).\n{node_file}");
    push_aliases(&mut file, aliases);
    file
}

fn push_aliases(file: &mut String, aliases: &[HostAlias]) {
    if aliases.is_empty() {
        return;
    }
    file.push_str("\n# Entries added by HostAliases.\n");
    for HostAlias { ip, hostnames } in aliases {
        let _ = writeln!(file, "{ip}\t{}", hostnames.join("\t"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const ENTRY: HostsEntry<'_> = HostsEntry {
        ip: IpAddr::V4(Ipv4Addr::new(10, 88, 0, 2)),
        hostname: "web",
        fqdn: None,
    };

    #[test]
    fn a_pod_gets_loopback_lines_and_its_own() {
        assert_eq!(
            pod_hosts_file(&ENTRY, &[]),
            "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n\
             ::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\n\
             fe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n\
             10.88.0.2\tweb\n"
        );
    }

    #[test]
    fn a_subdomain_adds_the_full_name_first() {
        let fqdn = Some("web.sub.default.svc.cluster.local");
        let file = pod_hosts_file(&HostsEntry { fqdn, ..ENTRY }, &[]);
        assert!(
            file.ends_with("10.88.0.2\tweb.sub.default.svc.cluster.local\tweb\n"),
            "{file}"
        );
    }

    #[test]
    fn aliases_follow_a_marker() {
        let aliases = [
            HostAlias {
                ip: "10.1.1.1".into(),
                hostnames: vec!["a".into(), "b".into()],
            },
            HostAlias {
                ip: "10.1.1.2".into(),
                hostnames: vec!["c".into()],
            },
        ];
        let marked = "\n\n# Entries added by HostAliases.\n10.1.1.1\ta\tb\n10.1.1.2\tc\n";
        assert!(pod_hosts_file(&ENTRY, &aliases).ends_with(marked));
        let host = host_network_hosts_file("127.0.0.1 localhost\n", &aliases);
        assert_eq!(
            host,
            format!("# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost{marked}")
        );
    }
}
