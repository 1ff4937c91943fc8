//! Environment of a container: image, pod specification, downward API (spec §10.5).

use std::net::IpAddr;

use lifepod_lifecycle::{
    effect::PodRef,
    spec::{ContainerSpec, EnvVarSource, Quantity},
};

use super::{BundleError, expand::expand};

/// What the downward API and the defaults need to know of the node.
#[derive(Clone, Debug)]
pub struct NodeFacts {
    /// Name of the node.
    pub name: String,
    /// Address of the node.
    pub ip: IpAddr,
    /// Processors.
    pub cpus: i64,
    /// Bytes of memory.
    pub memory: i64,
}

/// An ordered environment in which a later entry of a name replaces the earlier.
#[derive(Default)]
pub(super) struct Environment(Vec<(String, String)>);

impl Environment {
    fn set(&mut self, name: &str, value: String) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<String> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
    }

    pub(super) fn entries(&self) -> Vec<String> {
        self.0
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect()
    }
}

/// The whole environment, and the part that `$(VAR)` may refer to.
pub(super) fn environment(
    pod: &PodRef,
    container: &ContainerSpec,
    image_env: &[String],
    node: &NodeFacts,
) -> Result<(Environment, Environment), BundleError> {
    let mut all = Environment::default();
    all.set(
        "PATH",
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
    );
    if container.tty {
        all.set("TERM", "xterm".to_owned());
    }
    all.set("HOSTNAME", hostname(pod));
    for entry in image_env {
        let (name, value) = entry.split_once('=').unwrap_or((entry, ""));
        all.set(name, value.to_owned());
    }
    let mut own = Environment::default();
    for var in &container.env {
        let value = match &var.value_from {
            None => expand(&var.value, |name| own.get(name)),
            Some(EnvVarSource::Field { path }) => field(pod, path, node)?,
            Some(EnvVarSource::Resource {
                container: named,
                resource,
                divisor,
            }) => {
                let of = named
                    .as_deref()
                    .and_then(|name| pod.container(name))
                    .unwrap_or(container);
                resource_field(of, resource, divisor.as_ref(), node)?
            }
        };
        own.set(&var.name, value.clone());
        all.set(&var.name, value);
    }
    Ok((all, own))
}

/// A probe's command: its references see the literal variables of the container only.
pub(crate) fn expand_literal(container: &ContainerSpec, command: &[String]) -> Vec<String> {
    let mut own = Environment::default();
    for var in container.env.iter().filter(|var| var.value_from.is_none()) {
        let value = expand(&var.value, |name| own.get(name));
        own.set(&var.name, value);
    }
    let expanded = command
        .iter()
        .map(|word| expand(word, |name| own.get(name)));
    expanded.collect()
}

/// The pod's host name, as the kernel and Kubernetes bound it.
pub fn hostname(pod: &PodRef) -> String {
    let name = pod.spec.hostname.as_deref().unwrap_or(&pod.key.name);
    let cut = &name[..name.len().min(63)];
    cut.trim_end_matches(['-', '.']).to_owned()
}

fn field(pod: &PodRef, path: &str, node: &NodeFacts) -> Result<String, BundleError> {
    let unknown = || BundleError::UnknownField {
        path: path.to_owned(),
    };
    let indexed = |prefix: &str| {
        path.strip_prefix(prefix)
            .and_then(|rest| rest.strip_suffix("']"))
    };
    if let Some(key) = indexed("metadata.labels['") {
        return Ok(pod.labels.get(key).cloned().unwrap_or_default());
    }
    if let Some(key) = indexed("metadata.annotations['") {
        return Ok(pod.annotations.get(key).cloned().unwrap_or_default());
    }
    let ips = if pod.spec.host_network {
        vec![node.ip]
    } else {
        pod.ips.clone()
    };
    let first = ips.first().map(ToString::to_string).unwrap_or_default();
    Ok(match path {
        "metadata.name" => pod.key.name.to_string(),
        "metadata.namespace" => pod.key.namespace.to_string(),
        "metadata.uid" => pod.uid.to_string(),
        "spec.nodeName" => node.name.clone(),
        "spec.serviceAccountName" => {
            let account = pod
                .spec
                .extra
                .get("serviceAccountName")
                .and_then(|value| value.as_str());
            account.unwrap_or("default").to_owned()
        }
        "status.hostIP" | "status.hostIPs" => node.ip.to_string(),
        "status.podIP" => first,
        "status.podIPs" => ips
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(","),
        _ => return Err(unknown()),
    })
}

fn resource_field(
    container: &ContainerSpec,
    resource: &str,
    divisor: Option<&Quantity>,
    node: &NodeFacts,
) -> Result<String, BundleError> {
    let unknown = || BundleError::UnknownField {
        path: resource.to_owned(),
    };
    let (list, name) = resource.split_once('.').ok_or_else(unknown)?;
    let capacity = match name {
        "cpu" => node.cpus.saturating_mul(1000),
        "memory" => node.memory.saturating_mul(1000),
        _ => return Err(unknown()),
    };
    let resources = &container.resources;
    let millis = match list {
        "limits" => resources
            .limits
            .get(name)
            .map_or(capacity, Quantity::millis),
        "requests" => resources.requests.get(name).map_or(0, Quantity::millis),
        _ => return Err(unknown()),
    };
    let by = divisor.map_or(1000, Quantity::millis).max(1);
    let rounded = millis.div_euclid(by) + i64::from(millis.rem_euclid(by) != 0);
    Ok(rounded.to_string())
}
