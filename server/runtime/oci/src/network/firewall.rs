//! The one nftables table of pod networking, driven through `nft`.
//!
//! ```text
//! prerouting/raw    from the bridge to 127.0.0.0/8            drop   (see below)
//! prerouting/dstnat to an address of this host ──┐
//! output/dstnat     to an address of this host ──┴► hostports: dnat by map lookup
//! postrouting       pod → world                               masquerade
//!                   pod or loopback → pod through a host port masquerade
//! ```
//!
//! The rules are written once, in one transaction; pods change only map elements, also one
//! transaction each, and only pods with host ports cost a call of `nft` at all. Installing again
//! replaces the rules and keeps the elements, since pods outlive the server.
//!
//! `route_localnet` on the bridge lets `127.0.0.1:<hostPort>` reach a pod. By itself it would
//! also let pods reach services that listen on the host's loopback only, hence the raw rule.
//!
//! There is no rule that *accepts* forwarding: in nftables an accept ends one base chain and
//! cannot overrule a drop in another table. Where a host drops forwarded packets by policy, its
//! owner must let the bridge through; [`Firewall::forwarding_blockers`] finds such chains.

use super::{
    error::NetworkError,
    hostport::{PortKey, PortTarget},
    nft_json,
    subnet::Subnet,
};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{self, Write as _},
    process::{Command, Output, Stdio},
};

/// The table, by name.
#[derive(Debug)]
pub(super) struct Firewall {
    table: String,
}

impl Firewall {
    pub(super) fn new(table: &str) -> Self {
        Self {
            table: table.to_owned(),
        }
    }

    /// Writes the rules; keeps the published ports of an earlier run and answers them.
    pub(super) fn install(
        &self,
        bridge: &str,
        subnet: &Subnet,
    ) -> Result<BTreeMap<PortKey, PortTarget>, NetworkError> {
        apply(&self.rules(bridge, subnet))?;
        let listing = nft(&["-j", "list", "table", "inet", &self.table], "")?;
        nft_json::published_ports(&succeeded(listing)?.stdout)
    }

    /// Removes the table; no error when there is none.
    pub(super) fn remove(&self) -> Result<(), NetworkError> {
        let table = &self.table;
        // Declaring first makes the deletion work whether or not the table exists.
        apply(&format!(
            "add table inet {table}\ndelete table inet {table}\n"
        ))
    }

    /// Publishes ports, all or none.
    pub(super) fn add_ports(
        &self,
        ports: &BTreeMap<PortKey, PortTarget>,
    ) -> Result<(), NetworkError> {
        self.change_ports("add", ports)
    }

    /// Withdraws ports, all or none.
    pub(super) fn remove_ports(
        &self,
        ports: &BTreeMap<PortKey, PortTarget>,
    ) -> Result<(), NetworkError> {
        self.change_ports("delete", ports)
    }

    /// Chains of other tables that drop forwarded packets by default, as `family table chain`.
    pub(super) fn forwarding_blockers(&self) -> Result<Vec<String>, NetworkError> {
        let listing = succeeded(nft(&["-j", "list", "chains"], "")?)?;
        nft_json::forward_drop_chains(&listing.stdout)
    }

    fn change_ports(
        &self,
        verb: &str,
        ports: &BTreeMap<PortKey, PortTarget>,
    ) -> Result<(), NetworkError> {
        if ports.is_empty() {
            return Ok(());
        }
        let mut script = String::new();
        for (key, (address, container_port)) in ports {
            let PortKey {
                protocol,
                host_ip,
                host_port,
            } = key;
            let (map, bound) = match host_ip {
                Some(host_ip) => ("bound_hostports", format!("{host_ip} . ")),
                None => ("hostports", String::new()),
            };
            let _ = writeln!(
                script,
                "{verb} element inet {table} {map} {{ {bound}{protocol} . {host_port} : {address} . {container_port} }}",
                table = self.table,
            );
        }
        apply(&script)
    }

    fn rules(&self, bridge: &str, subnet: &Subnet) -> String {
        let table = &self.table;
        format!(
            r#"
add table inet {table}
add map inet {table} hostports {{ type inet_proto . inet_service : ipv4_addr . inet_service; }}
add map inet {table} bound_hostports {{ type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }}
add chain inet {table} hostport
add chain inet {table} loopback_guard {{ type filter hook prerouting priority raw; policy accept; }}
add chain inet {table} prerouting {{ type nat hook prerouting priority dstnat; policy accept; }}
add chain inet {table} output {{ type nat hook output priority -100; policy accept; }}
add chain inet {table} postrouting {{ type nat hook postrouting priority srcnat; policy accept; }}
flush chain inet {table} hostport
flush chain inet {table} loopback_guard
flush chain inet {table} prerouting
flush chain inet {table} output
flush chain inet {table} postrouting
add rule inet {table} hostport meta nfproto ipv4 dnat ip to ip daddr . meta l4proto . th dport map @bound_hostports
add rule inet {table} hostport meta nfproto ipv4 dnat ip to meta l4proto . th dport map @hostports
add rule inet {table} loopback_guard iifname "{bridge}" ip daddr 127.0.0.0/8 drop
add rule inet {table} prerouting fib daddr type local jump hostport
add rule inet {table} output fib daddr type local jump hostport
add rule inet {table} postrouting oifname != "{bridge}" ip saddr {subnet} masquerade
add rule inet {table} postrouting oifname "{bridge}" ct status dnat ip saddr {{ {subnet}, 127.0.0.0/8 }} masquerade
"#
        )
    }
}

/// Runs a script as one transaction.
fn apply(script: &str) -> Result<(), NetworkError> {
    succeeded(nft(&["-f", "-"], script)?).map(drop)
}

fn succeeded(output: Output) -> Result<Output, NetworkError> {
    if output.status.success() {
        return Ok(output);
    }
    let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(NetworkError::Nft { message })
}

fn nft(arguments: &[&str], input: &str) -> Result<Output, NetworkError> {
    run("nft", arguments, input)
        .or_else(|error| match error.kind() {
            // A service's PATH often lacks the administrator's directories.
            io::ErrorKind::NotFound => run("/usr/sbin/nft", arguments, input),
            _ => Err(error),
        })
        .map_err(NetworkError::NftMissing)
}

fn run(program: &str, arguments: &[&str], input: &str) -> io::Result<Output> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A refusal shows in the exit status; a broken pipe here would only hide its message.
        let _ = stdin.write_all(input.as_bytes());
    }
    child.wait_with_output()
}
