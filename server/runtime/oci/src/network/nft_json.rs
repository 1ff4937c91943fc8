//! Reading what `nft -j` prints.

use super::{
    error::NetworkError,
    hostport::{PortKey, PortTarget, Protocol},
};
use serde_json::Value;
use std::collections::BTreeMap;

/// The elements of the two host port maps in a listed table.
pub(super) fn published_ports(json: &[u8]) -> Result<BTreeMap<PortKey, PortTarget>, NetworkError> {
    let mut ports = BTreeMap::new();
    for object in objects(json)? {
        let elements = &object["map"]["elem"];
        for element in elements.as_array().into_iter().flatten() {
            let (key, target) = (&element[0]["concat"], &element[1]["concat"]);
            let published = port_key(key).zip(port_target(target));
            let (key, target) = published.ok_or_else(|| unexpected(element))?;
            ports.insert(key, target);
        }
    }
    Ok(ports)
}

/// Base chains on the forward hook that drop by policy, as `family table chain`.
pub(super) fn forward_drop_chains(json: &[u8]) -> Result<Vec<String>, NetworkError> {
    let mut chains = Vec::new();
    for object in objects(json)? {
        let chain = &object["chain"];
        if chain["hook"] == "forward" && chain["policy"] == "drop" {
            let part = |name: &str| chain[name].as_str().unwrap_or("?").to_owned();
            chains.push(format!(
                "{} {} {}",
                part("family"),
                part("table"),
                part("name")
            ));
        }
    }
    Ok(chains)
}

fn objects(json: &[u8]) -> Result<Vec<Value>, NetworkError> {
    let document: Value = serde_json::from_slice(json).map_err(|error| NetworkError::Nft {
        message: format!("unreadable listing: {error}"),
    })?;
    match &document["nftables"] {
        Value::Array(objects) => Ok(objects.clone()),
        _ => Err(unexpected(&document)),
    }
}

fn unexpected(value: &Value) -> NetworkError {
    NetworkError::Nft {
        message: format!("unexpected listing: {value}"),
    }
}

/// `[address, protocol, port]` or `[protocol, port]`.
fn port_key(value: &Value) -> Option<PortKey> {
    let parts = value.as_array()?;
    let (host_ip, rest) = match parts.as_slice() {
        [address, rest @ ..] if rest.len() == 2 => (Some(address.as_str()?.parse().ok()?), rest),
        rest => (None, rest),
    };
    let [protocol, port] = rest else { return None };
    Some(PortKey {
        protocol: Protocol::from_name(protocol.as_str()?)?,
        host_ip,
        host_port: port_number(port)?,
    })
}

fn port_target(value: &Value) -> Option<PortTarget> {
    let [address, port] = value.as_array()?.as_slice() else {
        return None;
    };
    Some((address.as_str()?.parse().ok()?, port_number(port)?))
}

fn port_number(value: &Value) -> Option<u16> {
    value.as_u64()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn reads_both_maps() {
        let listing = br#"{"nftables": [
            {"metainfo": {"version": "1.0.6"}},
            {"map": {"family": "inet", "name": "hostports", "table": "t", "elem": [
                [{"concat": ["tcp", 8080]}, {"concat": ["10.88.0.2", 80]}]]}},
            {"map": {"family": "inet", "name": "bound_hostports", "table": "t", "elem": [
                [{"concat": ["127.0.0.1", "udp", 53]}, {"concat": ["10.88.0.3", 5353]}]]}},
            {"map": {"family": "inet", "name": "empty", "table": "t"}}]}"#;
        let ports = published_ports(listing).unwrap();
        let tcp = PortKey {
            protocol: Protocol::Tcp,
            host_ip: None,
            host_port: 8080,
        };
        let udp = PortKey {
            protocol: Protocol::Udp,
            host_ip: Some(Ipv4Addr::LOCALHOST),
            host_port: 53,
        };
        assert_eq!(ports[&tcp], (Ipv4Addr::new(10, 88, 0, 2), 80));
        assert_eq!(ports[&udp], (Ipv4Addr::new(10, 88, 0, 3), 5353));
        assert_eq!(ports.len(), 2);
    }

    #[test]
    fn an_element_it_does_not_know_is_an_error() {
        let listing = br#"{"nftables": [{"map": {"elem": [["tcp", 80]]}}]}"#;
        assert!(matches!(
            published_ports(listing),
            Err(NetworkError::Nft { .. })
        ));
        assert!(matches!(
            published_ports(b"nonsense"),
            Err(NetworkError::Nft { .. })
        ));
    }
}
