//! Settings of the embedded runtime.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
};

use crate::{
    bundle::NodeFacts,
    image::RegistryConfig,
    network::{NetworkConfig, host_ip},
};

/// Settings of the embedded runtime.
#[derive(Clone, Debug)]
pub struct DriverConfig {
    /// Name of the node.
    pub node: String,
    /// Where images, pods and logs are kept.
    pub data_dir: PathBuf,
    /// The shim's program.
    pub shim: PathBuf,
    /// Cgroup under which the pods' cgroups are made, absolute within each hierarchy.
    pub cgroup_root: String,
    /// Registries and their mirrors.
    pub registries: RegistryConfig,
    /// Bridge, subnet, firewall table.
    pub network: NetworkConfig,
}

impl DriverConfig {
    pub(super) fn node_facts(&self) -> NodeFacts {
        let ip = match host_ip() {
            Ipv4Addr::UNSPECIFIED => Ipv4Addr::LOCALHOST,
            ip => ip,
        };
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        let memory = rustix::system::sysinfo();
        let bytes = u64::from(memory.mem_unit).saturating_mul(memory.totalram);
        NodeFacts {
            name: self.node.clone(),
            ip: IpAddr::V4(ip),
            cpus: i64::try_from(cpus).unwrap_or(i64::MAX),
            memory: i64::try_from(bytes).unwrap_or(i64::MAX),
        }
    }
}
