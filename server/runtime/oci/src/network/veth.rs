//! A pod's link: a veth pair between the bridge and the pod's namespace.
//!
//! The host side is named after the pod's address (`lp0a580002` is 10.88.0.2) and its alias
//! holds the pod's uid. So the kernel keeps the ledger: names are unique, which makes handing an
//! address out twice impossible, and links live exactly as long as the namespace they lead into.

use super::{
    bridge::Bridge,
    error::NetworkError,
    links,
    netlink::{Mode, Netlink},
    netns::Namespace,
};
use netlink_packet_route::{
    RouteNetlinkMessage as Message,
    link::{
        InfoBridgePort, InfoData, InfoKind, InfoPortData, InfoPortKind, InfoVeth, LinkAttribute,
        LinkInfo, LinkMessage,
    },
};
use std::{
    net::Ipv4Addr,
    os::fd::{AsFd, AsRawFd},
};

/// The interface that a pod sees.
pub(super) const POD_INTERFACE: &str = "eth0";
const NAME_PREFIX: &str = "lp";
const ALIAS_PREFIX: &str = "lifepod pod ";
/// Longest uid that fits into an interface alias, with room to spare.
pub(super) const UID_MAX: usize = 128;

/// A pod's link as found on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PodLink {
    pub(super) address: Ipv4Addr,
    pub(super) uid: Option<String>,
}

/// Name of the host side of the link of the pod with this address.
pub(super) fn host_name(address: Ipv4Addr) -> String {
    format!("{NAME_PREFIX}{:08x}", u32::from(address))
}

fn address_in(name: &str) -> Option<Ipv4Addr> {
    let digits = name
        .strip_prefix(NAME_PREFIX)
        .filter(|digits| digits.len() == 8)?;
    u32::from_str_radix(digits, 16).ok().map(Ipv4Addr::from)
}

/// Makes the pair, the far end born inside the pod's namespace (moving it there later would cost
/// an RCU grace period), the near end already a port of the bridge.
///
/// # Errors
///
/// `EEXIST` when the address is in use by a link.
pub(super) fn create(
    host: &mut Netlink,
    bridge: &Bridge,
    namespace: &Namespace,
    address: Ipv4Addr,
) -> Result<(), NetworkError> {
    let mut peer = links::by_name(POD_INTERFACE);
    peer.attributes.extend([
        LinkAttribute::Address(links::mac_of(address)),
        LinkAttribute::Mtu(bridge.mtu),
        LinkAttribute::NetNsFd(namespace.as_fd().as_raw_fd()),
    ]);
    let mut link = links::up(links::by_name(&host_name(address)));
    link.attributes.extend([
        LinkAttribute::Mtu(bridge.mtu),
        LinkAttribute::Controller(bridge.index),
        LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
        ]),
    ]);
    host.change("make the pod's link", Message::NewLink(link), Mode::Create)
}

/// Labels the link with its pod.
pub(super) fn label(host: &mut Netlink, address: Ipv4Addr, uid: &str) -> Result<(), NetworkError> {
    let mut link = links::by_name(&host_name(address));
    link.attributes
        .push(LinkAttribute::IfAlias(format!("{ALIAS_PREFIX}{uid}")));
    host.change("label the pod's link", Message::SetLink(link), Mode::Modify)
}

/// Lets the bridge send a packet back out of the port it came in by, so that a pod reaches itself
/// through its own host port even where `bridge-nf-call-iptables` (set by many Kubernetes and
/// Docker hosts) makes the bridge apply the address translation by itself.
pub(super) fn allow_hairpin(host: &mut Netlink, address: Ipv4Addr) -> Result<(), NetworkError> {
    let mut link = links::by_name(&host_name(address));
    link.attributes.push(LinkAttribute::LinkInfo(vec![
        LinkInfo::PortKind(InfoPortKind::Bridge),
        LinkInfo::PortData(InfoPortData::BridgePort(vec![InfoBridgePort::HairpinMode(
            true,
        )])),
    ]));
    // Port settings are taken from NEWLINK only, although the link exists.
    host.change("set hairpin mode", Message::NewLink(link), Mode::Modify)
}

/// Inside the pod: loopback and link up, address, default route.
pub(super) fn configure_pod(
    namespace: &Namespace,
    bridge: &Bridge,
    address: Ipv4Addr,
) -> Result<(), NetworkError> {
    namespace.enter(|| {
        let mut pod = Netlink::open()?;
        let loopback = Message::SetLink(links::up(links::by_name("lo")));
        pod.change("set loopback up", loopback, Mode::Modify)?;
        let index = links::find(&mut pod, POD_INTERFACE)?.map_or(0, |link| link.header.index);
        links::add_address(&mut pod, index, address, &bridge.subnet)?;
        links::set_up(&mut pod, index)?;
        links::add_default_route(&mut pod, bridge.subnet.gateway())
    })
}

/// Whether the pod's interface exists and has exactly this address.
pub(super) fn is_configured(
    namespace: &Namespace,
    address: Ipv4Addr,
) -> Result<bool, NetworkError> {
    namespace.enter(|| {
        let mut pod = Netlink::open()?;
        let Some(link) = links::find(&mut pod, POD_INTERFACE)? else {
            return Ok(false);
        };
        let addresses = links::addresses(&mut pod, link.header.index)?;
        Ok(addresses.iter().map(|(address, _)| *address).eq([address]))
    })
}

/// Whether the bridge forwards on the pod's port.
///
/// The kernel opens the port from a work queue after the pod's end came up. A packet sent before
/// is lost, and a lost ARP request costs the pod's first connection a whole second. Reading the
/// link makes newer kernels do that work on the spot, so the first answer is normally yes.
pub(super) fn port_is_open(host: &mut Netlink, address: Ipv4Addr) -> Result<bool, NetworkError> {
    let link = links::find(host, &host_name(address))?;
    Ok(link.as_ref().is_none_or(links::is_operational))
}

/// All pod links on the bridge.
pub(super) fn pod_links(host: &mut Netlink, bridge: u32) -> Result<Vec<PodLink>, NetworkError> {
    Ok(links::all(host)?
        .iter()
        .filter_map(|link| pod_link(link, bridge))
        .collect())
}

fn pod_link(link: &LinkMessage, bridge: u32) -> Option<PodLink> {
    let mut found = PodLink {
        address: Ipv4Addr::UNSPECIFIED,
        uid: None,
    };
    let mut on_bridge = false;
    for attribute in &link.attributes {
        match attribute {
            LinkAttribute::IfName(name) => found.address = address_in(name)?,
            LinkAttribute::Controller(index) => on_bridge = *index == bridge,
            LinkAttribute::IfAlias(alias) => {
                found.uid = alias.strip_prefix(ALIAS_PREFIX).map(str::to_owned);
            }
            _ => {}
        }
    }
    on_bridge.then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_carry_the_address() {
        let address = Ipv4Addr::new(10, 88, 0, 2);
        assert_eq!(host_name(address), "lp0a580002");
        assert_eq!(address_in("lp0a580002"), Some(address));
        for foreign in ["lp0a5800", "lpzzzzzzzz", "veth0a580002", "lo"] {
            assert_eq!(address_in(foreign), None, "{foreign}");
        }
    }
}
