//! Ephemeral containers.

use lifepod_lifecycle::{spec::EphemeralContainer, validate::Violations};
use lifepod_proto::v1 as proto;

use super::{
    container,
    pod::{filled, refuse},
};

pub(crate) fn ephemeral_containers(
    spec: &proto::PodSpec,
    host_network: bool,
    v: &mut Violations,
) -> Vec<EphemeralContainer> {
    let no_container = proto::Container::default();
    let convert = |(index, given): (usize, &proto::EphemeralContainer)| {
        let path = format!("spec.ephemeralContainers[{index}]");
        let container = given.container.as_ref().unwrap_or(&no_container);
        if !container.resize_policy.is_empty() {
            let detail = "cannot be set for an Ephemeral Container";
            v.forbidden(format!("{path}.resizePolicy"), detail);
        }
        // It would share the process namespace of its target.
        let target = &given.target_container_name;
        refuse(
            !target.is_empty(),
            &format!("{path}.targetContainerName"),
            v,
        );
        EphemeralContainer {
            container: container::convert(&path, container, host_network, v),
            target_container: filled(&given.target_container_name),
        }
    };
    spec.ephemeral_containers
        .iter()
        .enumerate()
        .map(convert)
        .collect()
}
