//! Which RPCs are served: the one table behind the answers and behind what `GetServerInfo` says.

use std::sync::OnceLock;

use lifepod_proto::{FILE_DESCRIPTOR_SET, v1 as proto};
use prost::Message;
use prost_types::FileDescriptorSet;

const PACKAGE: &str = "lifepod.v1";

/// RPCs that are designed and not served. The edge answers them; no service is asked.
const NOT_SERVED: [&str; 1] = ["lifepod.v1.PortForwardService/PortForward"];

/// Served only when time does not move by itself; the service knows.
pub(crate) const ADVANCE_TIME: &str = "lifepod.v1.SystemService/AdvanceTime";

/// Whether the call of that full name is one that is not served.
pub(crate) fn is_refused(rpc: &str) -> bool {
    NOT_SERVED.contains(&rpc)
}

/// Every RPC of the package, by full name, on a server whose time is `stepped` or not.
pub(crate) fn capabilities(stepped: bool) -> Vec<proto::RpcCapability> {
    let mut all = all().to_vec();
    for rpc in all.iter_mut().filter(|rpc| rpc.name == ADVANCE_TIME) {
        rpc.served = stepped;
    }
    all
}

fn all() -> &'static [proto::RpcCapability] {
    static ALL: OnceLock<Vec<proto::RpcCapability>> = OnceLock::new();
    ALL.get_or_init(read_descriptors)
}

fn read_descriptors() -> Vec<proto::RpcCapability> {
    let Ok(files) = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET) else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for file in files.file.iter().filter(|file| file.package() == PACKAGE) {
        for service in &file.service {
            for method in &service.method {
                let name = format!("{PACKAGE}.{}/{}", service.name(), method.name());
                let served = !is_refused(&name);
                all.push(proto::RpcCapability { name, served });
            }
        }
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

/// Whether a service of that full name is part of the package.
pub(crate) fn has_service(service: &str) -> bool {
    let of_service = |rpc: &proto::RpcCapability| {
        rpc.name
            .strip_prefix(service)
            .is_some_and(|rest| rest.starts_with('/'))
    };
    all().iter().any(of_service)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_served_exists() {
        let all = all();
        assert!(all.iter().any(|rpc| rpc.name == ADVANCE_TIME));
        let refused = all.iter().filter(|rpc| !rpc.served).count();
        assert_eq!(refused, NOT_SERVED.len(), "a name in the table is misspelt");
        assert!(all.len() > 15, "{}", all.len());
    }
}
