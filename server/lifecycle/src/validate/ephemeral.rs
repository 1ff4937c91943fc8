//! Ephemeral containers: what they may have, and that they may only be added (spec §10.4, §10.7).

use std::collections::BTreeSet;

use super::{Violations, container};
use crate::spec::{ContainerSpec, EphemeralContainer, PodSpec};

const NOT_FOR_EPHEMERAL: &str = "cannot be set for an Ephemeral Container";
const FIELD: &str = "spec.ephemeralContainers";

pub(super) fn check(spec: &PodSpec, v: &mut Violations) {
    let others = spec.init_containers.iter().chain(&spec.containers);
    let others: BTreeSet<&str> = others.map(|container| container.name.as_str()).collect();
    let mut names = others.clone();
    for (index, ephemeral) in spec.ephemeral_containers.iter().enumerate() {
        let path = format!("{FIELD}[{index}]");
        container::one(&path, &ephemeral.container, spec, &mut names, v);
        forbidden(&path, &ephemeral.container, v);
        let target = ephemeral.target_container.as_deref();
        if let Some(target) = target.filter(|target| !others.contains(target)) {
            v.not_found(format!("{path}.targetContainerName"), target);
        }
    }
}

fn forbidden(path: &str, container: &ContainerSpec, v: &mut Violations) {
    let hooks = &container.lifecycle;
    let resources = &container.resources;
    let fields = [
        ("ports", !container.ports.is_empty()),
        ("livenessProbe", container.liveness_probe.is_some()),
        ("readinessProbe", container.readiness_probe.is_some()),
        ("startupProbe", container.startup_probe.is_some()),
        (
            "lifecycle",
            hooks.post_start.is_some() || hooks.pre_stop.is_some(),
        ),
        (
            "resources",
            !resources.limits.is_empty() || !resources.requests.is_empty(),
        ),
        ("restartPolicy", container.restart_policy.is_some()),
        (
            "restartPolicyRules",
            !container.restart_policy_rules.is_empty(),
        ),
    ];
    for (field, _) in fields.into_iter().filter(|(_, set)| *set) {
        v.forbidden(format!("{path}.{field}"), NOT_FOR_EPHEMERAL);
    }
}

/// A list that is to replace the ephemeral containers of a pod.
pub(super) fn replacement(is: &PodSpec, wanted: &[EphemeralContainer], v: &mut Violations) {
    let named = |name: &str| wanted.iter().find(|new| new.container.name == name);
    for known in &is.ephemeral_containers {
        let name = &known.container.name;
        match named(name) {
            None => {
                let detail = format!("existing ephemeral containers {name:?} may not be removed\n");
                v.forbidden(FIELD, &detail);
            }
            Some(new) if new != known => {
                let detail = format!("existing ephemeral containers {name:?} may not be changed\n");
                v.forbidden(FIELD, &detail);
            }
            Some(_) => {}
        }
    }
    let mut after = is.clone();
    after.ephemeral_containers = wanted.to_vec();
    check(&after, v);
}
