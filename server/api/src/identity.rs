//! Who a client is: what the journal records as the actor of its mutations.

use std::net::SocketAddr;

use tonic::{
    Extensions,
    transport::server::{TcpConnectInfo, UdsConnectInfo},
};

/// The actor of a request: `uid:<n>` over the unix socket, `tcp:<address>` over TCP, empty when
/// nothing is known.
pub(crate) fn actor(extensions: &Extensions) -> String {
    if let Some(unix) = extensions.get::<UdsConnectInfo>() {
        let uid = unix.peer_cred.map(|cred| cred.uid());
        return uid.map(|uid| format!("uid:{uid}")).unwrap_or_default();
    }
    let tcp = extensions.get::<TcpConnectInfo>();
    let peer = tcp.and_then(|tcp| tcp.remote_addr);
    peer.map(|address| format!("tcp:{}", address.ip()))
        .unwrap_or_default()
}

/// One client, as far as bounds are concerned: a process on the unix socket, a connection over TCP.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Client {
    Process(i32),
    Connection(SocketAddr),
    /// Nothing is known of it; all such are one.
    Unknown,
}

/// The client of a request.
pub(crate) fn client(extensions: &Extensions) -> Client {
    let process = extensions.get::<UdsConnectInfo>();
    let process = process.and_then(|unix| unix.peer_cred?.pid());
    let tcp = extensions.get::<TcpConnectInfo>();
    let peer = tcp.and_then(|tcp| tcp.remote_addr);
    match (process, peer) {
        (Some(pid), _) => Client::Process(pid),
        (None, Some(address)) => Client::Connection(address),
        (None, None) => Client::Unknown,
    }
}
