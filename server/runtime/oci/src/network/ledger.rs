//! Who has which address, in memory.
//!
//! The durable truth is the kernel's: the host side of every pod's link is named after the pod's
//! address (see [`super::veth`]), so the ledger is rebuilt from the list of links and never
//! needs a file. An address is *held* by a pod this process attached or adopted, or merely
//! *found* on a link that was there before; the found ones that nobody adopts are orphans.
//!
//! Allocation is next-fit: an address comes back as late as possible, because neighbours and
//! connection tracking remember the previous owner for a while.

use super::subnet::Subnet;
use std::{
    collections::{BTreeMap, HashMap},
    net::Ipv4Addr,
};

/// One address in use.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Lease {
    /// The pod's uid; none when a crash came between making the link and labelling it.
    uid: Option<String>,
    held: bool,
}

/// The addresses of one subnet.
#[derive(Debug)]
pub(super) struct Ledger {
    first: u32,
    last: u32,
    next: u32,
    by_address: BTreeMap<Ipv4Addr, Lease>,
    by_uid: HashMap<String, Ipv4Addr>,
}

impl Ledger {
    pub(super) fn new(subnet: &Subnet) -> Self {
        let (first, last) = subnet.pod_range();
        Self {
            first,
            last,
            next: first,
            by_address: BTreeMap::new(),
            by_uid: HashMap::new(),
        }
    }

    /// Records a link that exists although this process did not make it.
    pub(super) fn found(&mut self, address: Ipv4Addr, uid: Option<&str>) {
        self.insert(
            address,
            Lease {
                uid: uid.map(str::to_owned),
                held: false,
            },
        );
        // Continue after the newest address of the previous run rather than at the start.
        self.next = self.next.max(u32::from(address).saturating_add(1));
    }

    /// The address of a pod, held or found.
    pub(super) fn address_of(&self, uid: &str) -> Option<Ipv4Addr> {
        self.by_uid.get(uid).copied()
    }

    /// Takes the next free address for `uid`; none when the subnet is full.
    pub(super) fn reserve(&mut self, uid: &str) -> Option<Ipv4Addr> {
        let size = self.last - self.first + 1;
        let start = if (self.first..=self.last).contains(&self.next) {
            self.next
        } else {
            self.first
        };
        let address = (0..size)
            .map(|step| Ipv4Addr::from(self.first + (start - self.first + step) % size))
            .find(|address| !self.by_address.contains_key(address))?;
        self.next = u32::from(address) + 1;
        self.insert(
            address,
            Lease {
                uid: Some(uid.to_owned()),
                held: true,
            },
        );
        Some(address)
    }

    /// Marks a found lease as held by `uid`; false when the address is not there or is another's.
    pub(super) fn adopt(&mut self, uid: &str, address: Ipv4Addr) -> bool {
        match self.by_address.get(&address) {
            Some(Lease {
                uid: Some(owner), ..
            }) if owner != uid => false,
            None => false,
            Some(_) => {
                self.insert(
                    address,
                    Lease {
                        uid: Some(uid.to_owned()),
                        held: true,
                    },
                );
                true
            }
        }
    }

    /// Gives the pod's address back; answers which it was.
    pub(super) fn release(&mut self, uid: &str) -> Option<Ipv4Addr> {
        let address = self.by_uid.remove(uid)?;
        self.by_address.remove(&address);
        Some(address)
    }

    /// Forgets a found lease whose link has been removed.
    pub(super) fn forget(&mut self, address: Ipv4Addr) {
        if let Some(Lease { uid: Some(uid), .. }) = self.by_address.remove(&address) {
            self.by_uid.remove(&uid);
        }
    }

    /// Whether a pod of this process holds the address.
    pub(super) fn is_held(&self, address: Ipv4Addr) -> bool {
        self.by_address
            .get(&address)
            .is_some_and(|lease| lease.held)
    }

    fn insert(&mut self, address: Ipv4Addr, lease: Lease) {
        if let Some(uid) = &lease.uid {
            self.by_uid.insert(uid.clone(), address);
        }
        self.by_address.insert(address, lease);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger() -> Ledger {
        // Five pod addresses: .2 to .6.
        Ledger::new(&"192.0.2.0/29".parse().unwrap())
    }

    fn last_octets(ledger: &mut Ledger, uids: &[&str]) -> Vec<u8> {
        uids.iter()
            .map(|uid| ledger.reserve(uid).unwrap().octets()[3])
            .collect()
    }

    #[test]
    fn gives_every_address_once_and_then_none() {
        let mut ledger = ledger();
        assert_eq!(
            last_octets(&mut ledger, &["a", "b", "c", "d", "e"]),
            [2, 3, 4, 5, 6]
        );
        assert_eq!(ledger.reserve("f"), None);
    }

    #[test]
    fn a_released_address_comes_back_last() {
        let mut ledger = ledger();
        last_octets(&mut ledger, &["a", "b"]);
        assert_eq!(ledger.release("a"), Some(Ipv4Addr::new(192, 0, 2, 2)));
        assert_eq!(ledger.release("a"), None);
        assert_eq!(
            last_octets(&mut ledger, &["c", "d", "e", "f"]),
            [4, 5, 6, 2]
        );
    }

    #[test]
    fn found_addresses_are_in_use_until_forgotten() {
        let mut ledger = ledger();
        let three = Ipv4Addr::new(192, 0, 2, 3);
        ledger.found(three, Some("old"));
        assert!(!ledger.is_held(three));
        assert_eq!(
            last_octets(&mut ledger, &["a", "b", "c", "d"]),
            [4, 5, 6, 2]
        );
        ledger.forget(three);
        assert_eq!(ledger.address_of("old"), None);
        assert_eq!(ledger.reserve("e"), Some(three));
    }

    #[test]
    fn adoption_needs_the_same_owner() {
        let mut ledger = ledger();
        let (three, four) = (Ipv4Addr::new(192, 0, 2, 3), Ipv4Addr::new(192, 0, 2, 4));
        ledger.found(three, Some("old"));
        ledger.found(four, None);
        assert!(!ledger.adopt("other", three));
        assert!(!ledger.adopt("old", Ipv4Addr::new(192, 0, 2, 5)));
        assert!(ledger.adopt("old", three));
        assert!(ledger.adopt("unlabelled", four));
        assert!(ledger.is_held(three) && ledger.is_held(four));
    }
}
