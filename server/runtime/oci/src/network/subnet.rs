//! An IPv4 subnet: the pods' address range and the arithmetic on it.

use std::{fmt, net::Ipv4Addr, str::FromStr};

/// The widest and the narrowest range that makes sense for one machine's pods.
const PREFIX_BOUNDS: std::ops::RangeInclusive<u8> = 8..=29;

/// An IPv4 network in CIDR form, such as `10.88.0.0/16`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subnet {
    network: Ipv4Addr,
    prefix_len: u8,
}

/// Why a text is not a usable pod subnet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubnetError {
    /// Not of the form `a.b.c.d/n`.
    #[error("`{0}` is not an IPv4 subnet such as `10.88.0.0/16`")]
    Malformed(String),
    /// Too small to hold pods, or too large to be one machine's range.
    #[error("prefix length {0} is not between 8 and 29")]
    PrefixOutOfBounds(u8),
    /// The address part has bits beyond the prefix.
    #[error("`{given}` has host bits set; did you mean `{meant}`?")]
    HostBits {
        /// What was given.
        given: String,
        /// The network that contains it.
        meant: Subnet,
    },
}

impl Subnet {
    /// The network `address/prefix_len`, host bits cleared; for facts that come from the kernel.
    pub(super) fn containing(address: Ipv4Addr, prefix_len: u8) -> Self {
        let prefix_len = prefix_len.min(32);
        let network = Ipv4Addr::from(u32::from(address) & mask(prefix_len));
        Self {
            network,
            prefix_len,
        }
    }

    /// Length of the network prefix in bits.
    #[must_use]
    pub fn prefix_len(&self) -> u8 {
        self.prefix_len
    }

    /// The first host address: the bridge's own, and every pod's default gateway.
    #[must_use]
    pub fn gateway(&self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.network) + 1)
    }

    /// The last address of the subnet.
    #[must_use]
    pub fn broadcast(&self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.network) | !mask(self.prefix_len))
    }

    /// The addresses pods may get, lowest and highest.
    pub(super) fn pod_range(&self) -> (u32, u32) {
        (
            u32::from(self.gateway()) + 1,
            u32::from(self.broadcast()) - 1,
        )
    }

    /// Whether `address` lies in the subnet.
    #[must_use]
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        u32::from(address) & mask(self.prefix_len) == u32::from(self.network)
    }

    /// Whether the two subnets share an address.
    #[must_use]
    pub fn overlaps(&self, other: &Subnet) -> bool {
        self.contains(other.network) || other.contains(self.network)
    }
}

fn mask(prefix_len: u8) -> u32 {
    u32::MAX
        .checked_shl(32 - u32::from(prefix_len))
        .unwrap_or(0)
}

impl FromStr for Subnet {
    type Err = SubnetError;

    fn from_str(text: &str) -> Result<Self, SubnetError> {
        let malformed = || SubnetError::Malformed(text.to_owned());
        let (address, prefix) = text.split_once('/').ok_or_else(malformed)?;
        let address: Ipv4Addr = address.parse().map_err(|_| malformed())?;
        let prefix_len: u8 = prefix.parse().map_err(|_| malformed())?;
        if !PREFIX_BOUNDS.contains(&prefix_len) {
            return Err(SubnetError::PrefixOutOfBounds(prefix_len));
        }
        let subnet = Self::containing(address, prefix_len);
        if subnet.network != address {
            return Err(SubnetError::HostBits {
                given: text.to_owned(),
                meant: subnet,
            });
        }
        Ok(subnet)
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix_len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(text: &str) -> Subnet {
        text.parse().unwrap()
    }

    #[test]
    fn parses_and_prints_cidr() {
        assert_eq!(subnet("10.88.0.0/16").to_string(), "10.88.0.0/16");
        assert_eq!(
            subnet("192.168.4.0/29").broadcast(),
            Ipv4Addr::new(192, 168, 4, 7)
        );
        assert_eq!(
            subnet("10.88.0.0/16").gateway(),
            Ipv4Addr::new(10, 88, 0, 1)
        );
    }

    #[test]
    fn refuses_what_cannot_hold_pods() {
        assert!(matches!(
            "10.88.0.0".parse::<Subnet>(),
            Err(SubnetError::Malformed(_))
        ));
        assert!(matches!(
            "10.88.0.0/x".parse::<Subnet>(),
            Err(SubnetError::Malformed(_))
        ));
        assert_eq!(
            "10.0.0.0/31".parse::<Subnet>(),
            Err(SubnetError::PrefixOutOfBounds(31))
        );
        let host_bits = "10.88.0.1/16".parse::<Subnet>().unwrap_err();
        assert_eq!(
            host_bits.to_string(),
            "`10.88.0.1/16` has host bits set; did you mean `10.88.0.0/16`?"
        );
    }

    #[test]
    fn overlap_is_symmetric_and_exact() {
        let (wide, inner, beside) = (
            subnet("10.88.0.0/16"),
            subnet("10.88.3.0/24"),
            subnet("10.89.0.0/16"),
        );
        assert!(wide.overlaps(&inner) && inner.overlaps(&wide));
        assert!(!wide.overlaps(&beside) && !beside.overlaps(&wide));
        assert!(Subnet::containing(Ipv4Addr::UNSPECIFIED, 0).overlaps(&wide));
    }
}
