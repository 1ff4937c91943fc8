//! Where a handler that uses the network goes.

use lifepod_lifecycle::spec::{HttpGet, PortRef};

use super::{super::Inner, Of};

/// Host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Name or address, without brackets.
    pub(super) host: String,
    pub(super) port: u16,
}

impl Target {
    pub(super) fn of_http(inner: &Inner, of: Of<'_>, get: &HttpGet) -> Result<Self, String> {
        Self::of(inner, of, get.host.as_deref(), &get.port)
    }

    /// The host as given, or the pod's address.
    pub(super) fn of(
        inner: &Inner,
        of: Of<'_>,
        host: Option<&str>,
        port: &PortRef,
    ) -> Result<Self, String> {
        let own = || {
            of.pod
                .ips
                .first()
                .copied()
                .unwrap_or(inner.node.ip)
                .to_string()
        };
        Ok(Self {
            host: host.map_or_else(own, str::to_owned),
            port: number(of, port)?,
        })
    }

    /// As it stands in URLs and in addresses.
    pub(super) fn authority(&self) -> String {
        let Self { host, port } = self;
        if host.contains(':') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        }
    }
}

/// A name means a port of the same container; a number may be written as a name, too.
fn number(of: Of<'_>, port: &PortRef) -> Result<u16, String> {
    let name = match port {
        PortRef::Number(number) => return Ok(*number),
        PortRef::Name(name) => name,
    };
    let container = of.pod.container(of.container);
    let mut ports = container.iter().flat_map(|container| &container.ports);
    let named = ports.find(|port| port.name.as_deref() == Some(name));
    named
        .map(|port| port.container_port)
        .or_else(|| name.parse().ok())
        .ok_or_else(|| {
            format!(
                "couldn't find port {name:?} in container {:?}",
                of.container
            )
        })
}
