//! Validation of a new pod, all violations at once (spec §10.4).

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Violations,
    names::{dns_label, dns_subdomain, label_value, port_name, qualified_name},
};
use crate::{
    NewPod,
    spec::{ContainerSpec, EnvVarSource, Handler, Port, Protocol, Quantity, RestartPolicy},
};

const MAX_ANNOTATIONS: usize = 256 * 1024;

/// Checks a new pod whose fields are already typed and defaulted.
///
/// # Errors
/// Every violation found.
pub fn validate(pod: &NewPod) -> Result<(), Violations> {
    let mut v = Violations::default();
    metadata(pod, &mut v);
    if pod.spec.containers.is_empty() {
        v.required("spec.containers", "");
    }
    containers(pod, &mut v);
    host_names(pod, &mut v);
    for (index, gate) in pod.spec.readiness_gates.iter().enumerate() {
        for detail in qualified_name(gate) {
            v.invalid(
                format!("spec.readinessGates[{index}].conditionType"),
                gate,
                &detail,
            );
        }
    }
    if pod
        .spec
        .active_deadline
        .is_some_and(|limit| !(1..=i32::MAX as u64).contains(&limit.as_secs()))
    {
        let seconds = pod.spec.active_deadline.unwrap_or_default().as_secs();
        v.invalid(
            "spec.activeDeadlineSeconds",
            seconds,
            "must be between 1 and 2147483647, inclusive",
        );
    }
    if v.is_empty() { Ok(()) } else { Err(v) }
}

fn metadata(pod: &NewPod, v: &mut Violations) {
    if pod.key.name.is_empty() {
        v.required("metadata.name", "name or generateName is required");
    } else {
        for detail in dns_subdomain(&pod.key.name) {
            v.invalid("metadata.name", &*pod.key.name, &detail);
        }
    }
    for detail in dns_label(&pod.key.namespace) {
        v.invalid("metadata.namespace", &*pod.key.namespace, &detail);
    }
    for (key, value) in &pod.labels {
        for detail in qualified_name(key) {
            v.invalid("metadata.labels", key, &detail);
        }
        for detail in label_value(value) {
            v.invalid("metadata.labels", value, &detail);
        }
    }
    for key in pod.annotations.keys() {
        for detail in qualified_name(&key.to_lowercase()) {
            v.invalid("metadata.annotations", key, &detail);
        }
    }
    if pod
        .annotations
        .iter()
        .map(|(k, value)| k.len() + value.len())
        .sum::<usize>()
        > MAX_ANNOTATIONS
    {
        v.too_long("metadata.annotations", MAX_ANNOTATIONS);
    }
}

fn containers(pod: &NewPod, v: &mut Violations) {
    let mut names = BTreeSet::new();
    let mut host_ports = BTreeSet::new();
    let mains = pod
        .spec
        .containers
        .iter()
        .enumerate()
        .map(|(i, c)| (format!("spec.containers[{i}]"), c));
    let inits = pod.spec.init_containers.iter().enumerate();
    let inits = inits.map(|(i, c)| (format!("spec.initContainers[{i}]"), c));
    for (path, container) in mains.chain(inits) {
        container_rules(&path, container, pod, v);
        if !container.name.is_empty() && !names.insert(container.name.as_str()) {
            v.duplicate(format!("{path}.name"), &container.name);
        }
        let is_main = path.starts_with("spec.containers");
        for (index, port) in container.ports.iter().enumerate().filter(|_| is_main) {
            host_port(
                &format!("{path}.ports[{index}].hostPort"),
                port,
                pod,
                &mut host_ports,
                v,
            );
        }
        if !is_main && container.restart_policy != Some(RestartPolicy::Always) {
            plain_init(&path, container, v);
        }
    }
}

fn plain_init(path: &str, container: &ContainerSpec, v: &mut Violations) {
    const DETAIL: &str = "may not be set for init containers without restartPolicy=Always";
    let lifecycle =
        container.lifecycle.post_start.is_some() || container.lifecycle.pre_stop.is_some();
    let fields = [
        ("lifecycle", lifecycle),
        ("livenessProbe", container.liveness_probe.is_some()),
        ("readinessProbe", container.readiness_probe.is_some()),
        ("startupProbe", container.startup_probe.is_some()),
    ];
    for (field, _) in fields.into_iter().filter(|(_, set)| *set) {
        v.forbidden(format!("{path}.{field}"), DETAIL);
    }
}

fn host_port<'a>(
    path: &str,
    port: &'a Port,
    pod: &NewPod,
    seen: &mut BTreeSet<(&'static str, Option<&'a str>, u16)>,
    v: &mut Violations,
) {
    let Some(host_port) = port.host_port.filter(|p| *p != 0) else {
        return;
    };
    let protocol = protocol_text(port.protocol);
    if !seen.insert((protocol, port.host_ip.as_deref(), host_port)) {
        let ip = port.host_ip.as_deref().unwrap_or_default();
        v.duplicate(path, format!("{protocol}/{ip}/{host_port}"));
    }
    if pod.spec.host_network && host_port != port.container_port {
        let detail = "must match `containerPort` when `hostNetwork` is true";
        v.invalid(
            path.replace("hostPort", "containerPort"),
            port.container_port,
            detail,
        );
    }
}

const fn protocol_text(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
        Protocol::Sctp => "SCTP",
    }
}

fn container_rules(path: &str, container: &ContainerSpec, pod: &NewPod, v: &mut Violations) {
    if container.name.is_empty() {
        v.required(format!("{path}.name"), "");
    } else {
        for detail in dns_label(&container.name) {
            v.invalid(format!("{path}.name"), &container.name, &detail);
        }
    }
    if container.image.is_empty() {
        v.required(format!("{path}.image"), "");
    } else if container.image.trim() != container.image {
        v.invalid(
            format!("{path}.image"),
            &container.image,
            "must not have leading or trailing whitespace",
        );
    }
    ports(path, container, v);
    environment(path, container, v);
    resources(path, container, v);
    if !container.restart_policy_rules.is_empty() && container.restart_policy.is_none() {
        v.required(
            format!("{path}.restartPolicy"),
            "must specify restartPolicy when restart rules are used",
        );
    }
    let grace = pod.spec.termination_grace_period.as_secs();
    hook(
        &format!("{path}.lifecycle.postStart"),
        container.lifecycle.post_start.as_ref(),
        grace,
        v,
    );
    hook(
        &format!("{path}.lifecycle.preStop"),
        container.lifecycle.pre_stop.as_ref(),
        grace,
        v,
    );
}

fn ports(path: &str, container: &ContainerSpec, v: &mut Violations) {
    let mut names = BTreeSet::new();
    for (index, port) in container.ports.iter().enumerate() {
        let path = format!("{path}.ports[{index}]");
        if let Some(name) = &port.name {
            let errors = port_name(name);
            for detail in &errors {
                v.invalid(format!("{path}.name"), name, detail);
            }
            if errors.is_empty() && !names.insert(name) {
                v.duplicate(format!("{path}.name"), name);
            }
        }
        if port.container_port == 0 {
            v.required(format!("{path}.containerPort"), "");
        }
    }
}

fn environment(path: &str, container: &ContainerSpec, v: &mut Violations) {
    for (index, var) in container.env.iter().enumerate() {
        let path = format!("{path}.env[{index}]");
        if var.name.is_empty() {
            v.required(format!("{path}.name"), "");
        } else if !var
            .name
            .bytes()
            .all(|b| (b' '..=b'~').contains(&b) && b != b'=')
        {
            let detail = "a valid environment variable name must consist only of printable ASCII characters other than '='";
            v.invalid(format!("{path}.name"), &var.name, detail);
        }
        match &var.value_from {
            Some(_) if !var.value.is_empty() => {
                v.invalid(
                    format!("{path}.valueFrom"),
                    "",
                    "may not be specified when `value` is not empty",
                );
            }
            Some(EnvVarSource::Field { path: field }) => {
                field_path(&format!("{path}.valueFrom.fieldRef"), field, v);
            }
            Some(EnvVarSource::Resource { resource, .. }) => {
                resource_field(&format!("{path}.valueFrom.resourceFieldRef"), resource, v);
            }
            None => {}
        }
    }
}

const FIELDS: [&str; 9] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

fn field_path(path: &str, field: &str, v: &mut Violations) {
    let indexed = ["metadata.labels['", "metadata.annotations['"]
        .iter()
        .any(|prefix| {
            field
                .strip_prefix(prefix)
                .is_some_and(|rest| rest.len() > 2 && rest.ends_with("']"))
        });
    if field.is_empty() {
        v.required(format!("{path}.fieldPath"), "");
    } else if !indexed && !FIELDS.contains(&field) {
        let detail = format!("error converting fieldPath: field label not supported: {field}");
        v.invalid(format!("{path}.fieldPath"), field, &detail);
    }
}

fn resource_field(path: &str, resource: &str, v: &mut Violations) {
    const SUPPORTED: [&str; 4] = [
        "limits.cpu",
        "limits.memory",
        "requests.cpu",
        "requests.memory",
    ];
    if resource.is_empty() {
        v.required(format!("{path}.resource"), "");
    } else if !SUPPORTED.contains(&resource) {
        v.not_supported(format!("{path}.resource"), resource, &SUPPORTED);
    }
}

fn resources(path: &str, container: &ContainerSpec, v: &mut Violations) {
    let path = format!("{path}.resources");
    quantities(&format!("{path}.limits"), &container.resources.limits, v);
    quantities(
        &format!("{path}.requests"),
        &container.resources.requests,
        v,
    );
    for (name, request) in &container.resources.requests {
        if let Some(limit) = container
            .resources
            .limits
            .get(name)
            .filter(|l| request.millis() > l.millis())
        {
            let detail = format!("must be less than or equal to {name} limit of {limit}");
            v.invalid(format!("{path}.requests"), request.as_str(), &detail);
        }
    }
}

fn quantities(path: &str, list: &BTreeMap<String, Quantity>, v: &mut Violations) {
    for (name, quantity) in list {
        if quantity.millis() < 0 {
            v.invalid(
                format!("{path}[{name}]"),
                quantity.as_str(),
                "must be greater than or equal to 0",
            );
        }
        if !matches!(name.as_str(), "cpu" | "memory") {
            let detail = "Lifepod enforces cpu and memory only";
            v.forbidden(format!("{path}[{name}]"), detail);
        }
    }
}

fn hook(path: &str, handler: Option<&Handler>, grace: u64, v: &mut Violations) {
    match handler {
        Some(Handler::Exec { command }) if command.is_empty() => {
            v.required(format!("{path}.exec.command"), "");
        }
        Some(Handler::Sleep { seconds }) if *seconds > grace => {
            let detail = format!(
                "must be non-negative and less than terminationGracePeriodSeconds ({grace})"
            );
            v.invalid(format!("{path}.sleep"), seconds, &detail);
        }
        Some(Handler::Grpc { .. }) => v.forbidden(format!("{path}.grpc"), "may not be a hook"),
        _ => {}
    }
}

fn host_names(pod: &NewPod, v: &mut Violations) {
    let fields = [
        ("spec.hostname", &pod.spec.hostname),
        ("spec.subdomain", &pod.spec.subdomain),
    ];
    for (field, value) in fields {
        for detail in value.iter().flat_map(|text| dns_label(text)) {
            v.invalid(field, value.as_deref().unwrap_or_default(), &detail);
        }
    }
    for (index, alias) in pod.spec.host_aliases.iter().enumerate() {
        if alias.ip.parse::<std::net::IpAddr>().is_err() {
            let detail = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
            v.invalid(format!("spec.hostAliases[{index}].ip"), &alias.ip, detail);
        }
        for name in &alias.hostnames {
            for detail in dns_subdomain(name) {
                v.invalid(
                    format!("spec.hostAliases[{index}].hostnames"),
                    name,
                    &detail,
                );
            }
        }
    }
}
