//! Ports of the host that lead to pods.

use crate::{
    network,
    worlds::{Namespace, PATIENCE, is_unreachable, on_a_host, seen_by, serve, serve_udp, world},
};
use lifepod_oci::network::{Network, NetworkError, PortMapping, Protocol};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};

const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 88, 0, 1);
const HOST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const WORLD: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

fn tcp(host_port: u16, container_port: u16) -> PortMapping {
    PortMapping {
        protocol: Protocol::Tcp,
        host_ip: None,
        host_port,
        container_port,
    }
}

/// A pod that serves TCP on port 80 and publishes `ports`.
fn web_pod(network: &Network, uid: &str, ports: &[PortMapping]) -> (Namespace, Ipv4Addr) {
    let namespace = Namespace::new();
    let address = network.attach(uid, &namespace.path(), ports).unwrap();
    namespace.serve_tcp(80);
    (namespace, address.ip)
}

#[test]
fn a_published_port_answers_from_everywhere() {
    on_a_host(|| {
        let network = network();
        let world = world();
        let (web, web_ip) = web_pod(&network, "web", &[tcp(8080, 80)]);
        let (client, _) = web_pod(&network, "client", &[]);

        assert_eq!(
            world.enter(|| seen_by(HOST, 8080)).unwrap(),
            WORLD,
            "world, source kept"
        );
        assert_eq!(
            seen_by(HOST, 8080).unwrap(),
            HOST,
            "host by its own address"
        );
        assert_eq!(
            seen_by(Ipv4Addr::LOCALHOST, 8080).unwrap(),
            GATEWAY,
            "host by loopback"
        );
        assert_eq!(
            client.enter(|| seen_by(HOST, 8080)).unwrap(),
            GATEWAY,
            "another pod"
        );
        assert_eq!(
            web.enter(|| seen_by(HOST, 8080)).unwrap(),
            GATEWAY,
            "the pod itself"
        );
        assert_eq!(
            seen_by(web_ip, 80).unwrap(),
            GATEWAY,
            "still by its own address"
        );

        network.detach("web").unwrap();
        assert!(world.enter(|| is_unreachable(HOST, 8080)));
        assert!(is_unreachable(Ipv4Addr::LOCALHOST, 8080));
    });
}

#[test]
fn a_port_bound_to_one_address_answers_only_there() {
    on_a_host(|| {
        let network = network();
        let world = world();
        let local = PortMapping {
            host_ip: Some(Ipv4Addr::LOCALHOST),
            ..tcp(8080, 80)
        };
        web_pod(&network, "local", &[local]);
        let (_pod, _) = web_pod(&network, "anywhere", &[tcp(9090, 80)]);
        assert!(world.enter(|| is_unreachable(HOST, 8080)));
        assert_eq!(world.enter(|| seen_by(HOST, 9090)).unwrap(), WORLD);
    });
}

#[test]
fn udp_ports_are_published_too() {
    on_a_host(|| {
        let network = network();
        let pod = Namespace::new();
        let port = PortMapping {
            protocol: Protocol::Udp,
            host_ip: None,
            host_port: 53,
            container_port: 53,
        };
        network.attach("dns", &pod.path(), &[port]).unwrap();
        serve_udp(&pod, 53);
        let client = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.connect((GATEWAY, 53)).unwrap();
        client.send(b"query").unwrap();
        let mut answer = [0; 16];
        assert_eq!(client.recv(&mut answer).unwrap(), 5);
    });
}

#[test]
fn a_taken_port_fails_the_attach_and_leaves_nothing() {
    on_a_host(|| {
        let network = network();
        let (_first, first_ip) = web_pod(&network, "first", &[tcp(8080, 80)]);
        let second = Namespace::new();
        let error = network.attach("second", &second.path(), &[tcp(9090, 80), tcp(8080, 80)]);
        match error.unwrap_err() {
            NetworkError::HostPortTaken { port, holder, .. } => {
                assert_eq!((port, holder), (8080, first_ip));
            }
            other => panic!("{other}"),
        }
        assert!(network.orphans().unwrap().is_empty());
        assert!(
            is_unreachable(Ipv4Addr::LOCALHOST, 9090),
            "the first of the two ports stayed"
        );
        // The namespace is clean enough to try again.
        network
            .attach("second", &second.path(), &[tcp(9090, 80)])
            .unwrap();
        second.serve_tcp(80);
        assert_eq!(seen_by(Ipv4Addr::LOCALHOST, 9090).unwrap(), GATEWAY);
    });
}

#[test]
fn pods_cannot_reach_what_listens_on_the_hosts_loopback() {
    on_a_host(|| {
        let network = network();
        let (pod, _) = web_pod(&network, "a", &[]);
        serve(TcpListener::bind((Ipv4Addr::LOCALHOST, 7777)).unwrap());
        pod.enter(|| {
            // What a hostile pod would do: send loopback addresses out through its gateway.
            std::fs::write("/proc/sys/net/ipv4/conf/all/route_localnet", "1").unwrap();
            crate::worlds::ip("address del 127.0.0.1/8 dev lo");
            crate::worlds::ip("route add 127.0.0.1 via 10.88.0.1 dev eth0");
            assert!(is_unreachable(Ipv4Addr::LOCALHOST, 7777));
        });
    });
}
