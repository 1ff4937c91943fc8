//! Ports of the host that lead to a pod.

use super::{error::NetworkError, firewall::Firewall};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::Ipv4Addr,
};

/// Transport protocol of a published port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        [Self::Tcp, Self::Udp, Self::Sctp]
            .into_iter()
            .find(|protocol| protocol.name() == name)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One published port of a pod (`hostPort` in the pod's spec).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortMapping {
    /// Transport protocol.
    pub protocol: Protocol,
    /// Address of the host to publish on; none means every address, loopback included.
    pub host_ip: Option<Ipv4Addr>,
    /// Port on the host.
    pub host_port: u16,
    /// Port in the pod.
    pub container_port: u16,
}

impl PortMapping {
    pub(super) fn key(&self) -> PortKey {
        PortKey {
            protocol: self.protocol,
            host_ip: self.host_ip,
            host_port: self.host_port,
        }
    }
}

/// What may exist once per machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PortKey {
    pub(super) protocol: Protocol,
    pub(super) host_ip: Option<Ipv4Addr>,
    pub(super) host_port: u16,
}

/// Where a published port leads: address and port of the pod.
pub(super) type PortTarget = (Ipv4Addr, u16);

/// The published ports of all pods: a mirror of the maps in the kernel's table, so that pods
/// without host ports, which are nearly all, never cost a call of `nft`.
#[derive(Debug, Default)]
pub(super) struct PublishedPorts {
    targets: BTreeMap<PortKey, PortTarget>,
}

impl PublishedPorts {
    pub(super) fn new(targets: BTreeMap<PortKey, PortTarget>) -> Self {
        Self { targets }
    }

    /// Publishes all `ports` for the pod at `address`, or none. Publishing again is no change.
    pub(super) fn publish(
        &mut self,
        firewall: &Firewall,
        address: Ipv4Addr,
        ports: &[PortMapping],
    ) -> Result<(), NetworkError> {
        let mut added = BTreeMap::new();
        for port in ports {
            match self.targets.get(&port.key()) {
                Some((holder, target)) if (*holder, *target) == (address, port.container_port) => {}
                Some((holder, _)) => {
                    let (port, protocol) = (port.host_port, port.protocol);
                    return Err(NetworkError::HostPortTaken {
                        port,
                        protocol,
                        holder: *holder,
                    });
                }
                None => {
                    added.insert(port.key(), (address, port.container_port));
                }
            }
        }
        firewall.add_ports(&added)?;
        self.targets.extend(added);
        Ok(())
    }

    /// The addresses that something is published for.
    pub(super) fn holders(&self) -> BTreeSet<Ipv4Addr> {
        self.targets.values().map(|(address, _)| *address).collect()
    }

    /// Withdraws everything that leads to `address`.
    pub(super) fn withdraw(
        &mut self,
        firewall: &Firewall,
        address: Ipv4Addr,
    ) -> Result<(), NetworkError> {
        let gone: BTreeMap<_, _> = self
            .targets
            .iter()
            .filter(|(_, (holder, _))| *holder == address)
            .map(|(key, target)| (*key, *target))
            .collect();
        firewall.remove_ports(&gone)?;
        self.targets.retain(|key, _| !gone.contains_key(key));
        Ok(())
    }
}
