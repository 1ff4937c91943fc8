//! Pod networking with real packets, each test on a "host" of its own (see [`worlds`]).

#![expect(clippy::unwrap_used, reason = "a failed expectation ends the test")]

mod hostports;
mod reach;
mod recovery;
mod worlds;

use lifepod_oci::network::{Network, NetworkConfig};
use worlds::Namespace;

/// A network with the default configuration.
fn network() -> Network {
    Network::open(&NetworkConfig::default()).unwrap()
}

/// A pod on it, without host ports.
fn pod(network: &Network, uid: &str) -> (Namespace, std::net::Ipv4Addr) {
    let namespace = Namespace::new();
    let address = network.attach(uid, &namespace.path(), &[]).unwrap();
    (namespace, address.ip)
}
