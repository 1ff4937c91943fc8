//! Remarks on a pod that is accepted (kubernetes `pkg/api/pod/warnings.go`).

use std::collections::BTreeSet;

use lifepod_lifecycle::{NewPod, spec::ContainerSpec};
use lifepod_proto::v1 as proto;

use crate::convert::name::is_dns_label;

pub(super) fn about(pod: &NewPod, warnings: &mut Vec<proto::Warning>) {
    if !is_dns_label(&pod.key.name) {
        let message = "this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended";
        warnings.push(warning("metadata.name".to_owned(), message.to_owned()));
    }
    let lists = [
        ("spec.initContainers", &pod.spec.init_containers),
        ("spec.containers", &pod.spec.containers),
    ];
    for (list, containers) in lists {
        for (index, container) in containers.iter().enumerate() {
            hidden_variables(&format!("{list}[{index}]"), container, warnings);
        }
    }
}

/// A later variable of the same name wins, which is rarely meant, unless it builds on the
/// earlier one.
fn hidden_variables(path: &str, container: &ContainerSpec, warnings: &mut Vec<proto::Warning>) {
    let mut seen = BTreeSet::new();
    for (index, var) in container.env.iter().enumerate() {
        let extends = var.value.contains(&format!("$({})", var.name));
        if !seen.insert(&var.name) && !extends {
            let message = format!(
                "hides previous definition of \"{}\", which may be dropped when using apply",
                var.name
            );
            warnings.push(warning(format!("{path}.env[{index}]"), message));
        }
    }
}

const fn warning(field: String, message: String) -> proto::Warning {
    proto::Warning { field, message }
}
