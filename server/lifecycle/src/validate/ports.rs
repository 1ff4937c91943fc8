//! Declared ports, and the host's ports they claim.

use std::collections::BTreeSet;

use super::{Violations, names::port_name};
use crate::spec::{ContainerSpec, Port, Protocol};

/// Host ports that are taken: protocol, address, port.
pub(super) type Taken<'a> = BTreeSet<(&'static str, Option<&'a str>, u16)>;

pub(super) fn check(path: &str, container: &ContainerSpec, v: &mut Violations) {
    let mut names = BTreeSet::new();
    for (index, port) in container.ports.iter().enumerate() {
        let path = format!("{path}.ports[{index}]");
        if let Some(name) = &port.name {
            let errors = port_name(name);
            if errors.is_empty() && !names.insert(name) {
                v.duplicate(format!("{path}.name"), name);
            }
            v.form(&format!("{path}.name"), name, errors);
        }
        if port.container_port == 0 {
            v.required(format!("{path}.containerPort"), "");
        }
    }
}

/// The host's port of one declared port.
pub(super) fn host_port<'a>(
    path: &str,
    port: &'a Port,
    host_network: bool,
    taken: &mut Taken<'a>,
    v: &mut Violations,
) {
    let Some(host_port) = port.host_port.filter(|port| *port != 0) else {
        return;
    };
    let protocol = protocol_text(port.protocol);
    if !taken.insert((protocol, port.host_ip.as_deref(), host_port)) {
        let ip = port.host_ip.as_deref().unwrap_or_default();
        v.duplicate(path, format!("{protocol}/{ip}/{host_port}"));
    }
    if host_network && host_port != port.container_port {
        let detail = "must match `containerPort` when `hostNetwork` is true";
        v.invalid(path, host_port, detail);
    }
}

const fn protocol_text(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
        Protocol::Sctp => "SCTP",
    }
}
