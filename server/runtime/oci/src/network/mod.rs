//! Pod networking: every pod's network namespace gets an address on one bridge.
//!
//! ```text
//!  world ◄── masquerade ── host ── lifepod0 (bridge, 10.88.0.1/16, the pods' gateway)
//!                                   ├── lp0a580002 ══ veth ══ eth0 10.88.0.2   pod A
//!                                   └── lp0a580003 ══ veth ══ eth0 10.88.0.3   pod B
//! ```
//!
//! The host reaches pods, pods reach each other, the host and the world; host ports lead to pods
//! from anywhere, `127.0.0.1` included. IPv4 only so far.
//!
//! *State* lives in the kernel: links are named after addresses and labelled with pod uids (see
//! `veth`), published ports are map elements in one nftables table (see `firewall`). A server
//! that starts again reads both back, says which pods it still knows with [`Network::adopt`], and
//! removes the rest with [`Network::remove_orphans`]. There are no files, hence none to be wrong.
//!
//! *Threading*: all methods block for one to a few milliseconds and may be called from any
//! thread outside an async executor; attaches of different pods run in parallel as far as the
//! kernel's own lock allows. Namespaces are entered only on threads made for it (see `netns`).
//!
//! *Failure*: an attach that fails leaves nothing behind but, at worst, a link without a pod,
//! which is an orphan.

mod bridge;
mod config;
mod error;
mod firewall;
mod hostport;
mod hosts;
mod ledger;
mod links;
mod netlink;
mod netns;
mod nft_json;
mod resolv;
mod subnet;
mod sysctl;
mod veth;

pub use config::NetworkConfig;
pub use error::NetworkError;
pub use hostport::{PortMapping, Protocol};
pub use hosts::{HostAlias, HostsEntry, host_network_hosts_file, pod_hosts_file};
pub use resolv::{DnsConfig, DnsOption, DnsPolicy, resolv_conf};
pub use subnet::{Subnet, SubnetError};

use bridge::Bridge;
use firewall::Firewall;
use hostport::PublishedPorts;
use ledger::Ledger;
use netlink::Netlink;
use netns::Namespace;
use parking_lot::Mutex;
use rustix::io::Errno;
use std::{
    net::{IpAddr, Ipv4Addr, UdpSocket},
    path::Path,
    thread,
    time::{Duration, Instant},
};

/// Addresses whose link of an earlier pod still lingers are skipped, but not endlessly.
const ADDRESS_ATTEMPTS: usize = 64;
/// How long to wait for the bridge to open a pod's port; it normally is open at once.
const PORT_DEADLINE: Duration = Duration::from_secs(2);
const PORT_POLL: Duration = Duration::from_micros(200);

/// The pods' network.
#[derive(Debug)]
pub struct Network {
    bridge: Bridge,
    firewall: Firewall,
    host: Mutex<Netlink>,
    ledger: Mutex<Ledger>,
    ports: Mutex<PublishedPorts>,
}

/// What a pod got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PodAddress {
    /// The pod's address.
    pub ip: Ipv4Addr,
    /// Prefix length of its subnet.
    pub prefix_len: u8,
    /// Its default gateway: the host, as pods see it.
    pub gateway: Ipv4Addr,
}

/// A pod link that nobody claimed since the server started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphan {
    /// Its address.
    pub ip: Ipv4Addr,
    /// The pod it was made for, unless a crash came before the link was labelled.
    pub pod_uid: Option<String>,
}

/// The machine's own address as the world sees it: the source of its default route, else
/// loopback. Nothing is sent.
#[must_use]
pub fn host_ip() -> Ipv4Addr {
    // Connecting a datagram socket only asks the routing table; the address is documentation's.
    let source = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        socket.connect((Ipv4Addr::new(203, 0, 113, 1), 9))?;
        socket.local_addr()
    });
    match source.map(|source| source.ip()) {
        Ok(IpAddr::V4(address)) => address,
        _ => Ipv4Addr::LOCALHOST,
    }
}

impl Network {
    /// Establishes bridge, rules and kernel settings, keeping what exists, and reads back what
    /// pods of an earlier run have.
    ///
    /// # Errors
    ///
    /// When the configuration clashes with the machine's routes or interfaces, `nft` is missing,
    /// or the kernel refuses (no `CAP_NET_ADMIN`).
    pub fn open(config: &NetworkConfig) -> Result<Self, NetworkError> {
        config.validate()?;
        let mut host = Netlink::open()?;
        let bridge = bridge::establish(&mut host, config)?;
        let firewall = Firewall::new(&config.table);
        let published = firewall.install(&config.bridge, &bridge.subnet)?;
        sysctl::enable_forwarding()?;
        sysctl::enable_loopback_routing(&config.bridge)?;
        let mut ledger = Ledger::new(&bridge.subnet);
        for link in veth::pod_links(&mut host, bridge.index)? {
            ledger.found(link.address, link.uid.as_deref());
        }
        Ok(Self {
            bridge,
            firewall,
            host: Mutex::new(host),
            ledger: Mutex::new(ledger),
            ports: Mutex::new(PublishedPorts::new(published)),
        })
    }

    /// Removes the bridge, every pod link on it, and the rules. Idempotent. The machine-wide
    /// forwarding switch stays as it is.
    ///
    /// # Errors
    ///
    /// When `nft` is missing or the kernel refuses.
    pub fn remove(config: &NetworkConfig) -> Result<(), NetworkError> {
        config.validate()?;
        let mut host = Netlink::open()?;
        if let Some(index) = links::find_bridge(&mut host, &config.bridge)? {
            for link in veth::pod_links(&mut host, index)? {
                links::delete(&mut host, &veth::host_name(link.address))?;
            }
            links::delete(&mut host, &config.bridge)?;
        }
        Firewall::new(&config.table).remove()
    }

    /// The pods' subnet.
    #[must_use]
    pub fn subnet(&self) -> Subnet {
        self.bridge.subnet
    }

    /// Chains of the host's own firewall that drop forwarded packets by default, as
    /// `family table chain`. No rule of ours can overrule them: with such a chain pods reach the
    /// host and each other, but the world only if its owner accepts traffic of the bridge.
    ///
    /// # Errors
    ///
    /// When `nft` fails.
    pub fn forwarding_blockers(&self) -> Result<Vec<String>, NetworkError> {
        self.firewall.forwarding_blockers()
    }

    /// Connects the pod whose network namespace is at `namespace` (`/proc/<pid>/ns/net`) and
    /// publishes its host ports. When it returns, packets flow.
    ///
    /// Attaching again the same pod with the same namespace answers the same address; with a new
    /// namespace (a new sandbox) the old link is replaced.
    ///
    /// # Errors
    ///
    /// When the namespace is gone, the subnet is full, a host port is taken, or the kernel
    /// refuses.
    pub fn attach(
        &self,
        pod_uid: &str,
        namespace: &Path,
        host_ports: &[PortMapping],
    ) -> Result<PodAddress, NetworkError> {
        if pod_uid.is_empty() || pod_uid.len() > veth::UID_MAX {
            return Err(NetworkError::BadUid(pod_uid.to_owned()));
        }
        let namespace = Namespace::open(namespace)?;
        let ip = match self.existing(pod_uid, &namespace)? {
            Some(ip) => {
                self.publish(ip, host_ports)?;
                ip
            }
            None => {
                let ip = self.connect(pod_uid, &namespace)?;
                self.publish(ip, host_ports)
                    .inspect_err(|_| self.disconnect(pod_uid, ip))?;
                ip
            }
        };
        let (prefix_len, gateway) = (
            self.bridge.subnet.prefix_len(),
            self.bridge.subnet.gateway(),
        );
        Ok(PodAddress {
            ip,
            prefix_len,
            gateway,
        })
    }

    /// Takes over, after a restart, the link of a pod that still runs.
    ///
    /// # Errors
    ///
    /// [`NetworkError::NotAttached`] when there is no such link: the pod's sandbox is gone.
    pub fn adopt(&self, pod_uid: &str, ip: Ipv4Addr) -> Result<(), NetworkError> {
        if self.ledger.lock().adopt(pod_uid, ip) {
            Ok(())
        } else {
            Err(NetworkError::NotAttached {
                uid: pod_uid.to_owned(),
                address: ip,
            })
        }
    }

    /// Gives the pod's address and host ports back. Idempotent.
    ///
    /// The link itself is left to the kernel, which removes it with the namespace when the pod's
    /// last process has ended. Deleting it by hand instead would wait 10 ms and more for RCU
    /// while holding the lock that every other attach needs. Until the link is gone its address
    /// is not given to another pod, because a link of that name cannot be made twice.
    ///
    /// # Errors
    ///
    /// When `nft` fails; only possible for pods with host ports.
    pub fn detach(&self, pod_uid: &str) -> Result<(), NetworkError> {
        let Some(ip) = self.ledger.lock().address_of(pod_uid) else {
            return Ok(());
        };
        self.ports.lock().withdraw(&self.firewall, ip)?;
        self.ledger.lock().release(pod_uid);
        Ok(())
    }

    /// Links on the bridge that no pod of this process attached or adopted.
    ///
    /// # Errors
    ///
    /// When the kernel refuses to list links.
    pub fn orphans(&self) -> Result<Vec<Orphan>, NetworkError> {
        let links = veth::pod_links(&mut self.host.lock(), self.bridge.index)?;
        let ledger = self.ledger.lock();
        Ok(links
            .into_iter()
            .filter(|link| !ledger.is_held(link.address))
            .map(|link| Orphan {
                ip: link.address,
                pod_uid: link.uid,
            })
            .collect())
    }

    /// Removes the orphans, and the host ports of pods that are gone, and answers which links
    /// those were. To be called after every surviving pod has been adopted; takes some 10 ms
    /// for each link.
    ///
    /// # Errors
    ///
    /// When `nft` or the kernel refuses.
    pub fn remove_orphans(&self) -> Result<Vec<Orphan>, NetworkError> {
        let orphans = self.orphans()?;
        let published = self.ports.lock().holders();
        for ip in published {
            // A pod that died while no server ran took its link along, but not its ports.
            if !self.ledger.lock().is_held(ip) {
                self.ports.lock().withdraw(&self.firewall, ip)?;
            }
        }
        for orphan in &orphans {
            links::delete(&mut self.host.lock(), &veth::host_name(orphan.ip))?;
            self.ledger.lock().forget(orphan.ip);
        }
        Ok(orphans)
    }

    /// The address the pod already has in this very namespace.
    fn existing(
        &self,
        pod_uid: &str,
        namespace: &Namespace,
    ) -> Result<Option<Ipv4Addr>, NetworkError> {
        let Some(ip) = self.ledger.lock().address_of(pod_uid) else {
            return Ok(None);
        };
        if veth::is_configured(namespace, ip)? {
            self.ledger.lock().adopt(pod_uid, ip);
            return Ok(Some(ip));
        }
        self.ports.lock().withdraw(&self.firewall, ip)?;
        self.disconnect(pod_uid, ip);
        Ok(None)
    }

    fn connect(&self, pod_uid: &str, namespace: &Namespace) -> Result<Ipv4Addr, NetworkError> {
        let ip = self.make_link(pod_uid, namespace)?;
        let configured = veth::configure_pod(namespace, &self.bridge, ip)
            .and_then(|()| veth::label(&mut self.host.lock(), ip, pod_uid))
            .and_then(|()| self.await_port(ip));
        match configured {
            Ok(()) => Ok(ip),
            Err(error) => {
                self.disconnect(pod_uid, ip);
                Err(error)
            }
        }
    }

    fn await_port(&self, ip: Ipv4Addr) -> Result<(), NetworkError> {
        let deadline = Instant::now() + PORT_DEADLINE;
        while !veth::port_is_open(&mut self.host.lock(), ip)? && Instant::now() < deadline {
            thread::sleep(PORT_POLL);
        }
        Ok(())
    }

    /// Reserves an address and makes the link that carries it.
    fn make_link(&self, pod_uid: &str, namespace: &Namespace) -> Result<Ipv4Addr, NetworkError> {
        let full = || NetworkError::Exhausted(self.bridge.subnet);
        for _ in 0..ADDRESS_ATTEMPTS {
            let ip = self.ledger.lock().reserve(pod_uid).ok_or_else(full)?;
            let mut host = self.host.lock();
            let Err(error) = veth::create(&mut host, &self.bridge, namespace, ip) else {
                return Ok(ip);
            };
            self.ledger.lock().release(pod_uid);
            // The name is taken while the previous owner's namespace is dying, or as long as
            // somebody looks into it. Otherwise it is the pod that already has an interface.
            let name_taken = error.errno() == Some(Errno::EXIST)
                && links::find(&mut host, &veth::host_name(ip))?.is_some();
            if !name_taken {
                return Err(error);
            }
        }
        Err(full())
    }

    fn publish(&self, ip: Ipv4Addr, host_ports: &[PortMapping]) -> Result<(), NetworkError> {
        if host_ports.is_empty() {
            return Ok(());
        }
        veth::allow_hairpin(&mut self.host.lock(), ip)?;
        self.ports.lock().publish(&self.firewall, ip, host_ports)
    }

    /// Removes a link that is of no use; what cannot be removed remains as an orphan.
    fn disconnect(&self, pod_uid: &str, ip: Ipv4Addr) {
        if let Err(error) = links::delete(&mut self.host.lock(), &veth::host_name(ip)) {
            tracing::warn!(pod.uid = pod_uid, %ip, %error, "cannot delete the pod's link");
        }
        self.ledger.lock().release(pod_uid);
    }
}
