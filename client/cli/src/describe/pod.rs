//! The pod as a whole.

use lifepod_client::{Word, proto};

use super::{
    container::{self, Described},
    labels, volume,
    writer::Writer,
};
use crate::render::{Clock, or_none};

pub(super) fn describe(pod: &proto::Pod, clock: &Clock, out: &mut Writer) {
    let metadata = pod.metadata.clone().unwrap_or_default();
    let spec = pod.spec.clone().unwrap_or_default();
    let status = pod.status.clone().unwrap_or_default();
    identity(&metadata, &spec, &status, clock, out);
    labels::labels("Labels", &metadata.labels, out);
    labels::annotations(&metadata.annotations, out);
    state(&metadata, &spec, &status, clock, out);
    addresses(&metadata, &status, out);
    if let Some(resources) = &spec.resources {
        out.line(0, "Resources:");
        container::resources(resources, 1, out);
    }
    containers(pod, &spec, &status, clock, out);
    conditions(&spec, &status, out);
    volume::describe(&spec.volumes, out);
    out.field(0, "QoS Class", status.qos_class().word());
    labels::labels("Node-Selectors", &spec.node_selector, out);
    labels::tolerations(&spec.tolerations, out);
    labels::spread(&spec.topology_spread_constraints, out);
}

fn identity(
    metadata: &proto::ObjectMeta,
    spec: &proto::PodSpec,
    status: &proto::PodStatus,
    clock: &Clock,
    out: &mut Writer,
) {
    out.field(0, "Name", &metadata.name);
    out.field(0, "Namespace", &metadata.namespace);
    if let Some(priority) = spec.priority {
        out.field(0, "Priority", priority.to_string());
    }
    optional("Priority Class Name", &spec.priority_class_name, out);
    optional("Runtime Class Name", spec.runtime_class_name(), out);
    optional("Service Account", &spec.service_account_name, out);
    if spec.node_name.is_empty() {
        out.field(0, "Node", "<none>");
    } else {
        out.field(0, "Node", format!("{}/{}", spec.node_name, status.host_ip));
    }
    if status.start_time.is_some() {
        out.field(0, "Start Time", clock.full(status.start_time.as_ref()));
    }
}

fn state(
    metadata: &proto::ObjectMeta,
    spec: &proto::PodSpec,
    status: &proto::PodStatus,
    clock: &Clock,
    out: &mut Writer,
) {
    let terminal = matches!(
        status.phase(),
        proto::PodPhase::Failed | proto::PodPhase::Succeeded
    );
    if metadata.deletion_timestamp.is_some() && !terminal {
        let since = clock.since(metadata.deletion_timestamp.as_ref());
        out.field(0, "Status", format!("Terminating (lasts {since})"));
        let grace = metadata.deletion_grace_period_seconds();
        out.field(0, "Termination Grace Period", format!("{grace}s"));
    } else {
        out.field(0, "Status", status.phase().word());
    }
    optional("Reason", &status.reason, out);
    optional("Message", &status.message, out);
    let seccomp = spec
        .security_context
        .as_ref()
        .and_then(|context| context.seccomp_profile.as_ref());
    if let Some(profile) = seccomp {
        container::seccomp(profile, 0, 0, out);
    }
}

fn optional(label: &str, value: &str, out: &mut Writer) {
    if !value.is_empty() {
        out.field(0, label, value);
    }
}

fn addresses(metadata: &proto::ObjectMeta, status: &proto::PodStatus, out: &mut Writer) {
    out.field(0, "IP", &status.pod_ip);
    if status.pod_ips.is_empty() {
        out.field(0, "IPs", "<none>");
    } else {
        out.line(0, "IPs:");
    }
    for ip in &status.pod_ips {
        out.field(1, "IP", ip);
    }
    let owner = metadata
        .owner_references
        .iter()
        .find(|owner| owner.controller());
    if let Some(owner) = owner {
        out.field(0, "Controlled By", format!("{}/{}", owner.kind, owner.name));
    }
    optional("NominatedNodeName", &status.nominated_node_name, out);
}

fn containers(
    pod: &proto::Pod,
    spec: &proto::PodSpec,
    status: &proto::PodStatus,
    clock: &Clock,
    out: &mut Writer,
) {
    let described = |containers, statuses| Described {
        pod,
        containers,
        statuses,
        clock,
    };
    if !spec.init_containers.is_empty() {
        let init: Vec<_> = spec.init_containers.iter().collect();
        container::list(
            "Init Containers",
            &described(init, &status.init_container_statuses),
            out,
        );
    }
    let regular: Vec<_> = spec.containers.iter().collect();
    container::list(
        "Containers",
        &described(regular, &status.container_statuses),
        out,
    );
    if !spec.ephemeral_containers.is_empty() {
        let containers = spec.ephemeral_containers.iter();
        let ephemeral: Vec<_> = containers
            .filter_map(|ephemeral| ephemeral.container.as_ref())
            .collect();
        container::list(
            "Ephemeral Containers",
            &described(ephemeral, &status.ephemeral_container_statuses),
            out,
        );
    }
}

fn conditions(spec: &proto::PodSpec, status: &proto::PodStatus, out: &mut Writer) {
    if !spec.readiness_gates.is_empty() {
        out.line(0, "Readiness Gates:\n  Type\tStatus");
        for gate in &spec.readiness_gates {
            let mut conditions = status.conditions.iter();
            let found = conditions.find(|condition| condition.r#type == gate.condition_type);
            let value = found.map_or("", |condition| condition.status().word());
            out.line(1, format!("{} \t{} ", gate.condition_type, or_none(value)));
        }
    }
    if !status.conditions.is_empty() {
        out.line(0, "Conditions:\n  Type\tStatus");
        for condition in &status.conditions {
            out.line(
                1,
                format!("{} \t{} ", condition.r#type, condition.status().word()),
            );
        }
    }
}
