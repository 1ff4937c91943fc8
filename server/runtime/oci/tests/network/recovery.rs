//! Restart of the server, reuse of addresses, removal of what is left over.

use crate::{
    network, pod,
    worlds::{Namespace, eventually, has_interface, is_unreachable, on_a_host, seen_by},
};
use lifepod_oci::network::{Network, NetworkConfig, NetworkError, Orphan, PortMapping, Protocol};
use std::{collections::BTreeSet, net::Ipv4Addr, thread};

const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 88, 0, 1);
const PORT: PortMapping = PortMapping {
    protocol: Protocol::Tcp,
    host_ip: None,
    host_port: 8080,
    container_port: 80,
};

fn address(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 88, 0, last)
}

#[test]
fn attaching_again_answers_the_same_address() {
    on_a_host(|| {
        let network = network();
        let (namespace, ip) = pod(&network, "a");
        assert_eq!(
            network.attach("a", &namespace.path(), &[PORT]).unwrap().ip,
            ip
        );
        namespace.serve_tcp(80);
        assert_eq!(seen_by(Ipv4Addr::LOCALHOST, 8080).unwrap(), GATEWAY);
    });
}

#[test]
fn a_new_sandbox_of_the_same_pod_replaces_the_old_link() {
    on_a_host(|| {
        let network = network();
        let (_old, old_ip) = pod(&network, "a");
        let (new, new_ip) = pod(&network, "a");
        assert_ne!(old_ip, new_ip);
        new.serve_tcp(80);
        assert_eq!(seen_by(new_ip, 80).unwrap(), GATEWAY);
        assert!(!has_interface("lp0a580002"));
    });
}

#[test]
fn the_link_goes_with_the_namespace() {
    on_a_host(|| {
        let network = network();
        let (namespace, _) = pod(&network, "a");
        assert!(has_interface("lp0a580002"));
        network.detach("a").unwrap();
        network.detach("a").unwrap();
        drop(namespace);
        eventually("link removed", || !has_interface("lp0a580002"));
    });
}

#[test]
fn an_address_is_not_reused_while_its_old_link_exists() {
    on_a_host(|| {
        let config = NetworkConfig {
            subnet: Some("10.88.0.0/29".parse().unwrap()),
            ..NetworkConfig::default()
        };
        let network = Network::open(&config).unwrap();
        let mut pods: Vec<_> = ["a", "b", "c", "d", "e"]
            .map(|uid| pod(&network, uid).0)
            .into();
        let more = Namespace::new();
        let full = network.attach("f", &more.path(), &[]).unwrap_err();
        assert!(matches!(full, NetworkError::Exhausted(_)), "{full}");

        // Given back, but the namespaces are held open: by us here, by a debugger elsewhere.
        network.detach("b").unwrap();
        network.detach("d").unwrap();
        let full = network.attach("f", &more.path(), &[]).unwrap_err();
        assert!(matches!(full, NetworkError::Exhausted(_)), "{full}");

        drop(pods.remove(3));
        eventually("link removed", || !has_interface("lp0a580005"));
        assert_eq!(
            network.attach("f", &more.path(), &[]).unwrap().ip,
            address(5)
        );
    });
}

#[test]
fn a_restarted_server_adopts_what_lives_and_removes_the_rest() {
    on_a_host(|| {
        let first = network();
        let survivor = Namespace::new();
        let ip = first
            .attach("survivor", &survivor.path(), &[PORT])
            .unwrap()
            .ip;
        survivor.serve_tcp(80);
        let (_lost, lost_ip) = pod(&first, "lost");
        drop(first);

        let second = network();
        second.adopt("survivor", ip).unwrap();
        assert!(matches!(
            second.adopt("other", lost_ip),
            Err(NetworkError::NotAttached { .. })
        ));
        assert!(matches!(
            second.adopt("x", address(99)),
            Err(NetworkError::NotAttached { .. })
        ));
        let lost = Orphan {
            ip: lost_ip,
            pod_uid: Some("lost".into()),
        };
        assert_eq!(second.orphans().unwrap(), std::slice::from_ref(&lost));
        assert_eq!(
            pod(&second, "new").1,
            address(4),
            "found addresses are not handed out"
        );

        assert_eq!(second.remove_orphans().unwrap(), [lost]);
        assert!(second.orphans().unwrap().is_empty());
        assert!(!has_interface("lp0a580003"));
        assert_eq!(
            seen_by(Ipv4Addr::LOCALHOST, 8080).unwrap(),
            GATEWAY,
            "port survived"
        );
        second.detach("survivor").unwrap();
        assert!(is_unreachable(Ipv4Addr::LOCALHOST, 8080));
    });
}

#[test]
fn ports_of_a_pod_that_died_while_no_server_ran_are_withdrawn() {
    on_a_host(|| {
        let first = network();
        let dead = Namespace::new();
        first.attach("dead", &dead.path(), &[PORT]).unwrap();
        drop((first, dead));
        eventually("link removed", || !has_interface("lp0a580002"));

        let second = network();
        assert!(second.remove_orphans().unwrap().is_empty());
        let heir = Namespace::new();
        second.attach("heir", &heir.path(), &[PORT]).unwrap();
        heir.serve_tcp(80);
        assert_eq!(seen_by(Ipv4Addr::LOCALHOST, 8080).unwrap(), GATEWAY);
    });
}

#[test]
fn parallel_attaches_get_different_addresses_that_work() {
    on_a_host(|| {
        let network = network();
        let pods: Vec<_> = thread::scope(|scope| {
            let attach = |n: usize| pod(&network, &format!("pod-{n}"));
            let started: Vec<_> = (0..24).map(|n| scope.spawn(move || attach(n))).collect();
            started
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        let distinct: BTreeSet<_> = pods.iter().map(|(_, ip)| *ip).collect();
        assert_eq!(distinct.len(), 24);
        for (namespace, ip) in &pods {
            namespace.serve_tcp(80);
            assert_eq!(seen_by(*ip, 80).unwrap(), GATEWAY);
        }
    });
}
