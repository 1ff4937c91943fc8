//! Environment variables.

use super::{Violations, names::qualified_name};
use crate::spec::{ContainerSpec, EnvVarSource, Quantity};

const NAME: &str = "a valid environment variable name must consist only of printable ASCII characters other than '='";
/// Fields a variable may take its value from.
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
/// Fields that exist, and that a variable may not take its value from.
const OTHER_FIELDS: [&str; 7] = [
    "metadata.annotations",
    "metadata.labels",
    "spec.restartPolicy",
    "spec.schedulerName",
    "status.phase",
    "status.nominatedNodeName",
    "spec.hostNetwork",
];
const RESOURCES: [&str; 6] = [
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];

pub(super) fn check(path: &str, container: &ContainerSpec, v: &mut Violations) {
    for (index, var) in container.env.iter().enumerate() {
        let path = format!("{path}.env[{index}]");
        let printable = |b: u8| (b' '..=b'~').contains(&b) && b != b'=';
        if var.name.is_empty() {
            v.required(format!("{path}.name"), "");
        } else if !var.name.bytes().all(printable) {
            v.invalid(format!("{path}.name"), &var.name, NAME);
        }
        let Some(from) = &var.value_from else {
            continue;
        };
        if !var.value.is_empty() {
            let detail = "may not be specified when `value` is not empty";
            v.invalid(format!("{path}.valueFrom"), "", detail);
        }
        source(&format!("{path}.valueFrom"), from, v);
    }
}

fn source(path: &str, from: &EnvVarSource, v: &mut Violations) {
    match from {
        EnvVarSource::Field { path: field } => {
            field_path(&format!("{path}.fieldRef"), field, v);
        }
        EnvVarSource::Resource {
            resource, divisor, ..
        } => {
            let path = format!("{path}.resourceFieldRef");
            resource_field(&path, resource, v);
            if let Some(divisor) = divisor {
                unit(&path, resource, divisor, v);
            }
        }
    }
}

fn field_path(path: &str, field: &str, v: &mut Violations) {
    if let Some(key) = map_key(field, "metadata.labels") {
        v.form(path, key, qualified_name(key));
        return;
    }
    if let Some(key) = map_key(field, "metadata.annotations") {
        v.form(path, key, qualified_name(&key.to_lowercase()));
        return;
    }
    let path = format!("{path}.fieldPath");
    if field.is_empty() {
        v.required(path, "");
    } else if OTHER_FIELDS.contains(&field) {
        v.not_supported(path, field, &FIELDS);
    } else if !FIELDS.contains(&field) {
        let detail = format!("error converting fieldPath: field label not supported: {field}");
        v.invalid(path, field, &detail);
    }
}

/// The key of `map['key']`.
fn map_key<'a>(field: &'a str, map: &str) -> Option<&'a str> {
    field
        .strip_prefix(map)?
        .strip_prefix("['")?
        .strip_suffix("']")
}

fn resource_field(path: &str, resource: &str, v: &mut Violations) {
    let path = format!("{path}.resource");
    let huge = ["limits.hugepages-", "requests.hugepages-"];
    if resource.is_empty() {
        v.required(path, "");
    } else if huge.iter().any(|prefix| resource.starts_with(prefix))
        || resource.ends_with(".ephemeral-storage") && RESOURCES.contains(&resource)
    {
        v.not_served(path);
    } else if !RESOURCES.contains(&resource) {
        v.not_supported(path, resource, &RESOURCES);
    }
}

fn unit(path: &str, resource: &str, divisor: &Quantity, v: &mut Violations) {
    const CPU: [&str; 2] = ["1m", "1"];
    const BYTES: [&str; 13] = [
        "1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei",
    ];
    let (known, told): (&[&str], _) = if resource.ends_with(".cpu") {
        (
            &CPU,
            "only divisor's values 1m and 1 are supported with the cpu resource",
        )
    } else {
        (
            &BYTES,
            "only divisor's values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are supported with the memory resource",
        )
    };
    if !known.contains(&divisor.as_str()) {
        v.invalid(format!("{path}.divisor"), resource, told);
    }
}
