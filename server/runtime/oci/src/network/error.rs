//! What can go wrong with pod networking.

use super::{hostport::Protocol, subnet::Subnet};
use std::{io, net::Ipv4Addr, path::PathBuf};

/// Failures of pod networking, by what the caller can do about them.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// Configuration: pick another subnet.
    #[error("pod subnet {subnet} overlaps the route to {route}; configure another")]
    SubnetTaken {
        /// The subnet that was asked for.
        subnet: Subnet,
        /// The existing route.
        route: Subnet,
    },
    /// Configuration: every built-in candidate overlaps an existing route.
    #[error("no free pod subnet among the defaults; configure one")]
    NoFreeSubnet,
    /// Configuration: the bridge still carries pods of another subnet.
    #[error("bridge `{bridge}` already serves {existing}, not {wanted}; remove it first")]
    BridgeServesOther {
        /// The bridge's name.
        bridge: String,
        /// The subnet it has.
        existing: Subnet,
        /// The subnet that was configured.
        wanted: Subnet,
    },
    /// Configuration: the name belongs to an interface that is no bridge.
    #[error("interface `{0}` exists and is not a bridge")]
    NotABridge(String),
    /// Configuration: not usable as interface or table name.
    #[error("`{0}` cannot name an interface or nftables table")]
    BadName(String),
    /// The caller passed a pod uid that cannot label a link.
    #[error("pod uid `{0}` is empty or too long")]
    BadUid(String),
    /// Capacity: every address of the subnet is in use.
    #[error("no free address in {0}")]
    Exhausted(Subnet),
    /// The pod has no link with that address; its sandbox is gone.
    #[error("pod `{uid}` has no link with address {address}")]
    NotAttached {
        /// The pod.
        uid: String,
        /// The address it should have had.
        address: Ipv4Addr,
    },
    /// Another pod already publishes the port.
    #[error("host port {port}/{protocol} is already published by {holder}")]
    HostPortTaken {
        /// The port on the host.
        port: u16,
        /// Its protocol.
        protocol: Protocol,
        /// Address of the pod that has it.
        holder: Ipv4Addr,
    },
    /// The pod's namespace cannot be entered, usually because its process is gone.
    #[error("cannot use network namespace `{path}`", path = path.display())]
    Namespace {
        /// Path of the namespace.
        path: PathBuf,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },
    /// The caller's own namespace was passed as a pod's.
    #[error("network namespace `{path}` is the host's own", path = path.display())]
    HostNamespace {
        /// Path of the namespace.
        path: PathBuf,
    },
    /// The kernel refused a change of links, addresses or routes.
    #[error("cannot {operation}")]
    Kernel {
        /// What was being done.
        operation: &'static str,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },
    /// A kernel setting could not be written.
    #[error("cannot set `{setting}`")]
    Sysctl {
        /// Path below `/proc/sys`.
        setting: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The `nft` program could not be run.
    #[error("cannot run `nft` (is the package `nftables` installed?)")]
    NftMissing(#[source] io::Error),
    /// `nft` refused a rule set.
    #[error("nft failed: {message}")]
    Nft {
        /// What it printed.
        message: String,
    },
}

impl NetworkError {
    /// The kernel's error number, where there is one.
    pub(super) fn errno(&self) -> Option<rustix::io::Errno> {
        match self {
            Self::Kernel { source, .. } => rustix::io::Errno::from_io_error(source),
            _ => None,
        }
    }
}
