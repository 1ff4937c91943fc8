//! Environment variables and where they come from.

use lifepod_client::proto::{self, env_from_source, env_var_source::Source};

use super::writer::Writer;
use crate::render::quantity;

pub(super) fn describe(container: &proto::Container, pod: &proto::Pod, out: &mut Writer) {
    if !container.env_from.is_empty() {
        sources(&container.env_from, out);
    }
    if container.env.is_empty() {
        out.field(2, "Environment", "<none>");
        return;
    }
    out.line(2, "Environment:");
    for variable in &container.env {
        let name = &variable.name;
        match variable
            .value_from
            .as_ref()
            .and_then(|from| from.source.as_ref())
        {
            None if variable.value_from.is_some() => {}
            None => plain(name, &variable.value, out),
            Some(source) => from(name, source, container, pod, out),
        }
    }
}

fn sources(sources: &[proto::EnvFromSource], out: &mut Writer) {
    out.line(2, "Environment Variables from:");
    for source in sources {
        let (kind, reference) = match &source.source {
            Some(env_from_source::Source::ConfigMapRef(reference)) => {
                ("ConfigMap", reference.clone())
            }
            Some(env_from_source::Source::SecretRef(reference)) => ("Secret", reference.clone()),
            None => ("", proto::EnvSourceReference::default()),
        };
        let prefix = if source.prefix.is_empty() {
            String::new()
        } else {
            format!(" with prefix '{}'", source.prefix)
        };
        let optional = reference.optional();
        out.line(
            3,
            format!("{}\t{kind}{prefix}\tOptional: {optional}", reference.name),
        );
    }
}

fn plain(name: &str, value: &str, out: &mut Writer) {
    for (index, line) in value.split('\n').enumerate() {
        let label = if index == 0 {
            format!("{name}:")
        } else {
            String::new()
        };
        out.line(3, format!("{label}\t{line}"));
    }
}

fn from(
    name: &str,
    source: &Source,
    container: &proto::Container,
    pod: &proto::Pod,
    out: &mut Writer,
) {
    match source {
        Source::FieldRef(field) => {
            let value = field_value(&field.field_path, pod);
            let text = format!("{value} ({}:{})", field.api_version, field.field_path);
            out.field(3, name, text);
        }
        Source::ResourceFieldRef(resource) => {
            let value = resource_value(resource, container);
            out.field(3, name, format!("{value} ({})", resource.resource));
        }
        Source::SecretKeyRef(key) => {
            let text = format!("<set to the key '{}' in secret '{}'>", key.key, key.name);
            out.field(3, name, format!("{text}\tOptional: {}", key.optional()));
        }
        Source::ConfigMapKeyRef(key) => {
            let text = format!(
                "<set to the key '{}' of config map '{}'>",
                key.key, key.name
            );
            out.field(3, name, format!("{text}\tOptional: {}", key.optional()));
        }
        Source::FileKeyRef(_) => {}
    }
}

/// The fields of the metadata are known here; all others only where the container runs.
fn field_value(path: &str, pod: &proto::Pod) -> String {
    let metadata = pod.metadata.clone().unwrap_or_default();
    let keyed = |path: &str, kind: &str| {
        let rest = path.strip_prefix(kind)?.strip_prefix("['")?;
        rest.strip_suffix("']").map(str::to_owned)
    };
    if let Some(key) = keyed(path, "metadata.labels") {
        return metadata.labels.get(&key).cloned().unwrap_or_default();
    }
    if let Some(key) = keyed(path, "metadata.annotations") {
        return metadata.annotations.get(&key).cloned().unwrap_or_default();
    }
    match path {
        "metadata.name" => metadata.name,
        "metadata.namespace" => metadata.namespace,
        "metadata.uid" => metadata.uid,
        _ => String::new(),
    }
}

fn resource_value(selector: &proto::ResourceFieldSelector, container: &proto::Container) -> String {
    let resources = container.resources.clone().unwrap_or_default();
    let (amounts, resource) = match selector.resource.split_once('.') {
        Some(("limits", resource)) => (&resources.limits, resource),
        Some(("requests", resource)) => (&resources.requests, resource),
        _ => return String::new(),
    };
    let amount = amounts.get(resource).map_or("0", String::as_str);
    let value = quantity::divide(amount, &selector.divisor).unwrap_or_default();
    if value == 0 && matches!(selector.resource.as_str(), "limits.cpu" | "limits.memory") {
        return "node allocatable".to_owned();
    }
    value.to_string()
}
