//! The bridge: finding or making it, and choosing its subnet.

use super::{
    config::NetworkConfig,
    error::NetworkError,
    links::{self, Route},
    netlink::Netlink,
    subnet::Subnet,
};

/// Tried in this order when nothing is configured. The first is customary for container bridges.
const CANDIDATES: [&str; 8] = [
    "10.88.0.0/16",
    "10.89.0.0/16",
    "10.90.0.0/16",
    "10.91.0.0/16",
    "172.29.0.0/16",
    "172.30.0.0/16",
    "192.168.216.0/21",
    "192.168.240.0/21",
];
/// Wider routes mean "everything" (a default route, possibly split in two by a VPN).
const DEFAULT_ROUTE_LIKE: u8 = 7;
const MTU_WITHOUT_ROUTE: u32 = 1500;

/// The bridge as it now is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bridge {
    pub(super) index: u32,
    pub(super) subnet: Subnet,
    pub(super) mtu: u32,
}

/// Makes the bridge what the configuration says, keeping what already fits.
pub(super) fn establish(
    netlink: &mut Netlink,
    config: &NetworkConfig,
) -> Result<Bridge, NetworkError> {
    let routes = links::routes(netlink)?;
    let mtu = match config.mtu {
        Some(mtu) => mtu,
        None => default_mtu(netlink, &routes)?,
    };
    let existing = links::find_bridge(netlink, &config.bridge)?;
    let current = match existing {
        Some(index) => links::addresses(netlink, index)?.into_iter().next(),
        None => None,
    };
    let serving = current.map(|(address, prefix)| Subnet::containing(address, prefix));
    let subnet = match (config.subnet, serving) {
        (Some(wanted), Some(existing)) if wanted != existing => {
            let bridge = config.bridge.clone();
            return Err(NetworkError::BridgeServesOther {
                bridge,
                existing,
                wanted,
            });
        }
        (_, Some(existing)) => existing,
        (Some(wanted), None) => free_of_narrower_routes(wanted, &routes)?,
        (None, None) => first_free(&routes)?,
    };
    let index = match existing {
        Some(index) => index,
        None => links::make_bridge(netlink, &config.bridge, subnet.gateway(), mtu)?,
    };
    if serving.is_none() {
        links::add_address(netlink, index, subnet.gateway(), &subnet)?;
    }
    links::set_up(netlink, index)?;
    Ok(Bridge { index, subnet, mtu })
}

/// Pod packets must fit the way out, which may be narrower than Ethernet (tunnels, clouds).
fn default_mtu(netlink: &mut Netlink, routes: &[Route]) -> Result<u32, NetworkError> {
    let way_out = routes
        .iter()
        .find(|route| route.destination.prefix_len() == 0);
    match way_out.and_then(|route| route.interface) {
        Some(index) => Ok(links::mtu(netlink, index)?.unwrap_or(MTU_WITHOUT_ROUTE)),
        None => Ok(MTU_WITHOUT_ROUTE),
    }
}

/// A configured subnet may lie inside a wider route, which it then shadows on purpose; a route
/// as narrow or narrower would take packets away from pods.
fn free_of_narrower_routes(wanted: Subnet, routes: &[Route]) -> Result<Subnet, NetworkError> {
    let narrower = |route: &&Route| {
        route.destination.overlaps(&wanted) && route.destination.prefix_len() >= wanted.prefix_len()
    };
    match routes.iter().find(narrower) {
        Some(route) => Err(NetworkError::SubnetTaken {
            subnet: wanted,
            route: route.destination,
        }),
        None => Ok(wanted),
    }
}

fn first_free(routes: &[Route]) -> Result<Subnet, NetworkError> {
    let taken = |candidate: &Subnet| {
        routes
            .iter()
            .filter(|route| route.destination.prefix_len() > DEFAULT_ROUTE_LIKE)
            .any(|route| route.destination.overlaps(candidate))
    };
    CANDIDATES
        .iter()
        .filter_map(|candidate| candidate.parse().ok())
        .find(|candidate| !taken(candidate))
        .ok_or(NetworkError::NoFreeSubnet)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(destination: (u8, u8, u8, u8), prefix_len: u8) -> Route {
        let (a, b, c, d) = destination;
        Route {
            destination: Subnet::containing([a, b, c, d].into(), prefix_len),
            interface: None,
        }
    }

    #[test]
    fn every_candidate_is_a_subnet() {
        assert!(
            CANDIDATES
                .iter()
                .all(|candidate| candidate.parse::<Subnet>().is_ok())
        );
    }

    #[test]
    fn the_default_subnet_moves_out_of_the_way() {
        assert_eq!(first_free(&[]).unwrap().to_string(), "10.88.0.0/16");
        let podman = [route((0, 0, 0, 0), 0), route((10, 88, 0, 0), 16)];
        assert_eq!(first_free(&podman).unwrap().to_string(), "10.89.0.0/16");
        let company = [route((10, 0, 0, 0), 8), route((128, 0, 0, 0), 1)];
        assert_eq!(first_free(&company).unwrap().to_string(), "172.29.0.0/16");
        let everything = [
            route((10, 0, 0, 0), 8),
            route((172, 16, 0, 0), 12),
            route((192, 168, 0, 0), 16),
        ];
        assert!(matches!(
            first_free(&everything),
            Err(NetworkError::NoFreeSubnet)
        ));
    }

    #[test]
    fn a_configured_subnet_may_shadow_a_wider_route_only() {
        let wanted: Subnet = "10.88.0.0/16".parse().unwrap();
        assert!(free_of_narrower_routes(wanted, &[route((10, 0, 0, 0), 8)]).is_ok());
        assert!(free_of_narrower_routes(wanted, &[route((10, 88, 0, 0), 16)]).is_err());
        assert!(free_of_narrower_routes(wanted, &[route((10, 88, 7, 0), 24)]).is_err());
    }
}
