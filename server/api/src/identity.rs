//! Who a client is: what the journal records as the actor of its mutations.

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
