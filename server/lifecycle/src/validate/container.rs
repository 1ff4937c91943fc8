//! Lists of containers, and what belongs to each of them alone.

use std::collections::BTreeSet;

use super::{Violations, env, handler, names::dns_label, ports, resources};
use crate::spec::{ContainerSpec, PodSpec, RestartPolicy};

const OF_SIDECARS: &str = "may not be set for init containers without restartPolicy=Always";

pub(super) fn check(spec: &PodSpec, v: &mut Violations) {
    if spec.containers.is_empty() {
        v.required("spec.containers", "");
    }
    let mut names = BTreeSet::new();
    let mut taken = ports::Taken::new();
    for (index, container) in spec.containers.iter().enumerate() {
        let path = format!("spec.containers[{index}]");
        one(&path, container, spec, &mut names, v);
        for (index, port) in container.ports.iter().enumerate() {
            let path = format!("{path}.ports[{index}].hostPort");
            ports::host_port(&path, port, spec.host_network, &mut taken, v);
        }
    }
    for (index, container) in spec.init_containers.iter().enumerate() {
        let path = format!("spec.initContainers[{index}]");
        one(&path, container, spec, &mut names, v);
        if container.restart_policy != Some(RestartPolicy::Always) {
            plain_init(&path, container, v);
        }
    }
}

pub(super) fn one<'a>(
    path: &str,
    container: &'a ContainerSpec,
    spec: &PodSpec,
    names: &mut BTreeSet<&'a str>,
    v: &mut Violations,
) {
    let name = container.name.as_str();
    if name.is_empty() {
        v.required(format!("{path}.name"), "");
    } else {
        v.form(&format!("{path}.name"), name, dns_label(name));
        if !names.insert(name) {
            v.duplicate(format!("{path}.name"), name);
        }
    }
    image(path, &container.image, v);
    ports::check(path, container, v);
    env::check(path, container, v);
    resources::check(&format!("{path}.resources"), &container.resources, v);
    handler::check(path, container, spec, v);
    if !container.restart_policy_rules.is_empty() && container.restart_policy.is_none() {
        let detail = "must specify restartPolicy when restart rules are used";
        v.required(format!("{path}.restartPolicy"), detail);
    }
}

/// The image of the container at `path`.
pub(super) fn image(path: &str, image: &str, v: &mut Violations) {
    let path = format!("{path}.image");
    if image.is_empty() {
        v.required(path, "");
    } else if image.trim() != image {
        v.invalid(path, image, "must not have leading or trailing whitespace");
    }
}

fn plain_init(path: &str, container: &ContainerSpec, v: &mut Violations) {
    let hooks = &container.lifecycle;
    let fields = [
        (
            "lifecycle",
            hooks.post_start.is_some() || hooks.pre_stop.is_some(),
        ),
        ("livenessProbe", container.liveness_probe.is_some()),
        ("readinessProbe", container.readiness_probe.is_some()),
        ("startupProbe", container.startup_probe.is_some()),
    ];
    for (field, _) in fields.into_iter().filter(|(_, set)| *set) {
        v.forbidden(format!("{path}.{field}"), OF_SIDECARS);
    }
}
