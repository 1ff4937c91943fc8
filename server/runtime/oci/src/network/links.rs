//! Links, addresses and routes in the words of this module, each one netlink request.

use super::{
    error::NetworkError,
    netlink::{Mode, Netlink},
    subnet::Subnet,
};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage as Message,
    address::{AddressAttribute, AddressMessage},
    link::{InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkMessage, State},
    route::{
        RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope,
        RouteType,
    },
};
use rustix::io::Errno;
use std::net::{IpAddr, Ipv4Addr};

/// An IPv4 route of any table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Route {
    pub(super) destination: Subnet,
    /// Index of the outgoing interface.
    pub(super) interface: Option<u32>,
}

/// The MAC address that belongs to an IPv4 address. Deriving one from the other (the prefix is
/// the one CNI uses, from the locally administered range) keeps neighbour entries true when an
/// address passes from one pod to the next.
pub(super) fn mac_of(address: Ipv4Addr) -> Vec<u8> {
    let [a, b, c, d] = address.octets();
    vec![0x0a, 0x58, a, b, c, d]
}

/// A message about the link called `name`.
pub(super) fn by_name(name: &str) -> LinkMessage {
    let mut message = LinkMessage::default();
    message
        .attributes
        .push(LinkAttribute::IfName(name.to_owned()));
    message
}

/// Marks the link as to be set up.
pub(super) fn up(mut message: LinkMessage) -> LinkMessage {
    message.header.flags |= LinkFlags::Up;
    message.header.change_mask |= LinkFlags::Up;
    message
}

/// Reads one link; none when there is no such link.
pub(super) fn find(netlink: &mut Netlink, name: &str) -> Result<Option<LinkMessage>, NetworkError> {
    one_link(netlink, by_name(name))
}

fn one_link(
    netlink: &mut Netlink,
    query: LinkMessage,
) -> Result<Option<LinkMessage>, NetworkError> {
    match netlink.read("read a link", Message::GetLink(query)) {
        Err(error) if error.errno() == Some(Errno::NODEV) => Ok(None),
        Err(error) => Err(error),
        Ok(answers) => Ok(answers.into_iter().find_map(|answer| match answer {
            Message::NewLink(link) => Some(link),
            _ => None,
        })),
    }
}

/// All links of the namespace.
pub(super) fn all(netlink: &mut Netlink) -> Result<Vec<LinkMessage>, NetworkError> {
    let answers = netlink.list("list links", Message::GetLink(LinkMessage::default()))?;
    Ok(answers
        .into_iter()
        .filter_map(|answer| match answer {
            Message::NewLink(link) => Some(link),
            _ => None,
        })
        .collect())
}

/// Deletes a link; no error when there is none.
pub(super) fn delete(netlink: &mut Netlink, name: &str) -> Result<(), NetworkError> {
    match netlink.change(
        "delete a link",
        Message::DelLink(by_name(name)),
        Mode::Modify,
    ) {
        Err(error) if error.errno() == Some(Errno::NODEV) => Ok(()),
        result => result,
    }
}

/// Index of the bridge called `name`, if there is one.
pub(super) fn find_bridge(netlink: &mut Netlink, name: &str) -> Result<Option<u32>, NetworkError> {
    let Some(link) = find(netlink, name)? else {
        return Ok(None);
    };
    let is_bridge = link.attributes.iter().any(|attribute| match attribute {
        LinkAttribute::LinkInfo(infos) => infos.contains(&LinkInfo::Kind(InfoKind::Bridge)),
        _ => false,
    });
    if is_bridge {
        Ok(Some(link.header.index))
    } else {
        Err(NetworkError::NotABridge(name.to_owned()))
    }
}

/// Makes a bridge with a fixed MAC address: left to itself a bridge takes that of its lowest
/// port, and every pod's neighbour entry for the gateway would break as pods come and go.
pub(super) fn make_bridge(
    netlink: &mut Netlink,
    name: &str,
    gateway: Ipv4Addr,
    mtu: u32,
) -> Result<u32, NetworkError> {
    let mut bridge = by_name(name);
    bridge.attributes.extend([
        LinkAttribute::Address(mac_of(gateway)),
        LinkAttribute::Mtu(mtu),
        LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Bridge)]),
    ]);
    netlink.change("make the bridge", Message::NewLink(bridge), Mode::Create)?;
    find_bridge(netlink, name)?.ok_or_else(|| NetworkError::NotABridge(name.to_owned()))
}

/// Sets a link up.
pub(super) fn set_up(netlink: &mut Netlink, index: u32) -> Result<(), NetworkError> {
    let mut link = up(LinkMessage::default());
    link.header.index = index;
    netlink.change("set a link up", Message::SetLink(link), Mode::Modify)
}

/// The MTU of a link.
pub(super) fn mtu(netlink: &mut Netlink, index: u32) -> Result<Option<u32>, NetworkError> {
    let mut query = LinkMessage::default();
    query.header.index = index;
    let link = one_link(netlink, query)?;
    Ok(link.and_then(|link| {
        link.attributes
            .iter()
            .find_map(|attribute| match attribute {
                LinkAttribute::Mtu(mtu) => Some(*mtu),
                _ => None,
            })
    }))
}

/// Whether packets pass: administratively up, with carrier, and seen so by the bridge.
pub(super) fn is_operational(link: &LinkMessage) -> bool {
    link.attributes
        .contains(&LinkAttribute::OperState(State::Up))
}

/// Gives a link an address and so the connected route to its subnet.
pub(super) fn add_address(
    netlink: &mut Netlink,
    index: u32,
    address: Ipv4Addr,
    subnet: &Subnet,
) -> Result<(), NetworkError> {
    let mut message = AddressMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.prefix_len = subnet.prefix_len();
    message.header.index = index;
    message.attributes = vec![
        AddressAttribute::Local(IpAddr::V4(address)),
        AddressAttribute::Address(IpAddr::V4(address)),
        AddressAttribute::Broadcast(subnet.broadcast()),
    ];
    netlink.change("add an address", Message::NewAddress(message), Mode::Create)
}

/// The IPv4 addresses of a link with their prefix lengths.
pub(super) fn addresses(
    netlink: &mut Netlink,
    index: u32,
) -> Result<Vec<(Ipv4Addr, u8)>, NetworkError> {
    let mut query = AddressMessage::default();
    query.header.family = AddressFamily::Inet;
    let answers = netlink.list("list addresses", Message::GetAddress(query))?;
    let mut addresses = Vec::new();
    for answer in answers {
        let Message::NewAddress(message) = answer else {
            continue;
        };
        for attribute in &message.attributes {
            if let AddressAttribute::Local(IpAddr::V4(address)) = attribute
                && message.header.index == index
            {
                addresses.push((*address, message.header.prefix_len));
            }
        }
    }
    Ok(addresses)
}

/// Adds the default route through `gateway`.
pub(super) fn add_default_route(
    netlink: &mut Netlink,
    gateway: Ipv4Addr,
) -> Result<(), NetworkError> {
    let mut message = RouteMessage::default();
    message.header = RouteHeader {
        address_family: AddressFamily::Inet,
        table: RouteHeader::RT_TABLE_MAIN,
        protocol: RouteProtocol::Boot,
        scope: RouteScope::Universe,
        kind: RouteType::Unicast,
        ..RouteHeader::default()
    };
    message
        .attributes
        .push(RouteAttribute::Gateway(RouteAddress::Inet(gateway)));
    netlink.change(
        "add the default route",
        Message::NewRoute(message),
        Mode::Create,
    )
}

/// All IPv4 routes, of every table.
pub(super) fn routes(netlink: &mut Netlink) -> Result<Vec<Route>, NetworkError> {
    let mut query = RouteMessage::default();
    query.header.address_family = AddressFamily::Inet;
    let answers = netlink.list("list routes", Message::GetRoute(query))?;
    Ok(answers
        .into_iter()
        .filter_map(|answer| match answer {
            Message::NewRoute(route) => Some(route_of(&route)),
            _ => None,
        })
        .collect())
}

fn route_of(message: &RouteMessage) -> Route {
    let mut network = Ipv4Addr::UNSPECIFIED;
    let mut interface = None;
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(RouteAddress::Inet(address)) => network = *address,
            RouteAttribute::Oif(index) => interface = Some(*index),
            _ => {}
        }
    }
    let prefix_len = message.header.destination_prefix_length;
    Route {
        destination: Subnet::containing(network, prefix_len),
        interface,
    }
}
