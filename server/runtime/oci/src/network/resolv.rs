//! The `/etc/resolv.conf` that a pod's containers see.
//!
//! There is no cluster and hence no cluster DNS: `ClusterFirst` behaves as `Default`, as the
//! kubelet itself does when it knows no cluster DNS server.

use std::{fs, io, net::IpAddr, path::Path};

/// Limits of the resolver, as Kubernetes applies them: what is beyond is left out.
const NAMESERVERS_MAX: usize = 3;
const SEARCHES_MAX: usize = 32;

const NODE_FILE: &str = "/etc/resolv.conf";
/// Where systemd-resolved keeps the servers behind its stub.
const BEHIND_STUB: &str = "/run/systemd/resolve/resolv.conf";

/// `dnsPolicy` of the pod's spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DnsPolicy {
    /// The node's settings, with the pod's added.
    Default,
    /// The pod's settings only.
    None,
}

/// `dnsConfig` of the pod's spec, and equally the contents of a resolver file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DnsConfig {
    /// Addresses of name servers.
    pub nameservers: Vec<String>,
    /// Search domains.
    pub searches: Vec<String>,
    /// Resolver options.
    pub options: Vec<DnsOption>,
}

/// One resolver option, such as `ndots:5` or `edns0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsOption {
    /// Its name.
    pub name: String,
    /// Its value, if it takes one.
    pub value: Option<String>,
}

/// The resolver file of a pod.
///
/// # Errors
///
/// When the node's own file cannot be read; a missing one counts as empty.
pub fn resolv_conf(policy: DnsPolicy, config: &DnsConfig) -> io::Result<String> {
    let mut merged = match policy {
        DnsPolicy::Default => node_config(Path::new(NODE_FILE), Path::new(BEHIND_STUB))?,
        DnsPolicy::None => DnsConfig::default(),
    };
    merged.add(config);
    Ok(merged.render())
}

/// The node's settings. A node that runs a local stub lists only a loopback address, which means
/// something else inside a pod; the stub's own servers are taken then.
fn node_config(file: &Path, behind_stub: &Path) -> io::Result<DnsConfig> {
    let config = DnsConfig::parse(&read_or_empty(file)?);
    let is_stub = !config.nameservers.is_empty()
        && config.nameservers.iter().all(|server| {
            server
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback())
        });
    if is_stub && behind_stub.exists() {
        return Ok(DnsConfig::parse(&read_or_empty(behind_stub)?));
    }
    Ok(config)
}

fn read_or_empty(path: &Path) -> io::Result<String> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        result => result,
    }
}

impl DnsConfig {
    /// Reads a resolver file; unknown lines are left out, as the C library does.
    fn parse(text: &str) -> Self {
        let mut config = Self::default();
        for line in text.lines() {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => config.nameservers.extend(words.next().map(str::to_owned)),
                // The last of several lines wins.
                Some("search" | "domain") => config.searches = words.map(str::to_owned).collect(),
                Some("options") => config.options.extend(words.map(DnsOption::parse)),
                _ => {}
            }
        }
        config
    }

    /// Appends `other`: servers and searches once each, options replacing those of the same name.
    fn add(&mut self, other: &Self) {
        append_new(&mut self.nameservers, &other.nameservers);
        append_new(&mut self.searches, &other.searches);
        for option in &other.options {
            self.options.retain(|present| present.name != option.name);
            self.options.push(option.clone());
        }
    }

    fn render(&self) -> String {
        let mut file = String::new();
        if !self.searches.is_empty() {
            let searches: Vec<_> = self.searches.iter().take(SEARCHES_MAX).cloned().collect();
            file.push_str(&format!("search {}\n", searches.join(" ")));
        }
        for server in self.nameservers.iter().take(NAMESERVERS_MAX) {
            file.push_str(&format!("nameserver {server}\n"));
        }
        if !self.options.is_empty() {
            let options: Vec<_> = self.options.iter().map(DnsOption::render).collect();
            file.push_str(&format!("options {}\n", options.join(" ")));
        }
        file
    }
}

impl DnsOption {
    fn parse(word: &str) -> Self {
        match word.split_once(':') {
            Some((name, value)) => Self {
                name: name.into(),
                value: Some(value.into()),
            },
            None => Self {
                name: word.into(),
                value: None,
            },
        }
    }

    fn render(&self) -> String {
        match &self.value {
            Some(value) => format!("{}:{value}", self.name),
            None => self.name.clone(),
        }
    }
}

fn append_new(list: &mut Vec<String>, more: &[String]) {
    for item in more {
        if !list.contains(item) {
            list.push(item.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> DnsConfig {
        DnsConfig::parse(text)
    }

    #[test]
    fn a_resolver_file_survives_reading_and_writing() {
        let text = "search a.example b.example\nnameserver 192.0.2.53\noptions ndots:5 edns0\n";
        assert_eq!(config(text).render(), text);
        let odd = "# comment\n; other\nsortlist 1.2.3.4\nnameserver\nnameserver 1.1.1.1 # x\n";
        assert_eq!(config(odd).render(), "nameserver 1.1.1.1\n");
    }

    #[test]
    fn pod_settings_are_appended_and_options_replaced() {
        let mut node = config("search a\nnameserver 1.1.1.1\noptions ndots:1 edns0\n");
        node.add(&config(
            "search b a\nnameserver 2.2.2.2\nnameserver 1.1.1.1\noptions ndots:5\n",
        ));
        assert_eq!(
            node.render(),
            "search a b\nnameserver 1.1.1.1\nnameserver 2.2.2.2\noptions edns0 ndots:5\n"
        );
    }

    #[test]
    fn at_most_three_name_servers_are_written() {
        let four =
            "nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3\nnameserver 4.4.4.4\n";
        assert_eq!(config(four).render().lines().count(), 3);
    }

    #[test]
    fn policy_none_takes_nothing_from_the_node() {
        let pod = config("nameserver 2.2.2.2\n");
        assert_eq!(
            resolv_conf(DnsPolicy::None, &pod).unwrap(),
            "nameserver 2.2.2.2\n"
        );
    }

    #[test]
    fn a_local_stub_is_looked_behind() {
        let folder = tempfile::tempdir().unwrap();
        let (file, behind) = (
            folder.path().join("resolv.conf"),
            folder.path().join("behind"),
        );
        fs::write(&file, "nameserver 127.0.0.53\n").unwrap();
        assert_eq!(
            node_config(&file, &behind).unwrap().nameservers,
            ["127.0.0.53"]
        );
        fs::write(&behind, "nameserver 192.0.2.53\n").unwrap();
        assert_eq!(
            node_config(&file, &behind).unwrap().nameservers,
            ["192.0.2.53"]
        );
        assert_eq!(
            node_config(&folder.path().join("none"), &behind).unwrap(),
            DnsConfig::default()
        );
    }
}
