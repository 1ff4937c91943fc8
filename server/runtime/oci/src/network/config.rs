//! Configuration of pod networking.

use super::{error::NetworkError, subnet::Subnet};

/// Interface names have at most 15 bytes.
const INTERFACE_NAME_MAX: usize = 15;

/// How pods are connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkConfig {
    /// Name of the bridge; made when absent.
    pub bridge: String,
    /// Name of the nftables table (family `inet`).
    pub table: String,
    /// The pods' subnet. None keeps the one the bridge already has, else takes the first of a
    /// few customary ranges that overlaps no route of this machine.
    pub subnet: Option<Subnet>,
    /// MTU of the pods' links; none takes that of the default route's interface.
    pub mtu: Option<u32>,
}

impl Default for NetworkConfig {
    fn default() -> Self {
        Self {
            bridge: "lifepod0".into(),
            table: "lifepod".into(),
            subnet: None,
            mtu: None,
        }
    }
}

impl NetworkConfig {
    /// Checks the names, which end up in rule sets and paths.
    pub(super) fn validate(&self) -> Result<(), NetworkError> {
        let plain = |name: &str| {
            name.starts_with(|c: char| c.is_ascii_alphabetic())
                && name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        };
        if !plain(&self.bridge) || self.bridge.len() > INTERFACE_NAME_MAX {
            return Err(NetworkError::BadName(self.bridge.clone()));
        }
        // A dash is legal in interface names but not in unquoted nftables identifiers.
        if !plain(&self.table) || self.table.contains('-') {
            return Err(NetworkError::BadName(self.table.clone()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_escape_a_rule_set_are_refused() {
        assert!(NetworkConfig::default().validate().is_ok());
        for bridge in ["", "0br", "a/b", "a\"b", "sixteen-chars-xx"] {
            let config = NetworkConfig {
                bridge: bridge.into(),
                ..NetworkConfig::default()
            };
            assert!(config.validate().is_err(), "{bridge}");
        }
        for table in ["", "a;b", "a-b", "a b"] {
            let config = NetworkConfig {
                table: table.into(),
                ..NetworkConfig::default()
            };
            assert!(config.validate().is_err(), "{table}");
        }
    }
}
