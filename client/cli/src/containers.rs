//! Which container of a pod is meant.

use lifepod_client::proto;

use crate::{failure::Failure, output};

/// Names the default container of a pod.
const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

/// Names of a pod's containers: init, regular, ephemeral.
#[must_use]
pub(crate) fn all(spec: &proto::PodSpec) -> Vec<String> {
    let init = spec.init_containers.iter().map(|container| &container.name);
    let regular = spec.containers.iter().map(|container| &container.name);
    init.chain(regular)
        .chain(ephemeral(spec))
        .cloned()
        .collect()
}

fn ephemeral(spec: &proto::PodSpec) -> impl Iterator<Item = &String> {
    let containers = spec.ephemeral_containers.iter();
    containers.filter_map(|container| {
        container
            .container
            .as_ref()
            .map(|container| &container.name)
    })
}

/// The container that was asked for, or the default one. Tells, unless `quiet`, which was chosen out of several.
///
/// # Errors
/// When the pod has no such container.
pub(crate) fn choose(
    pod: &proto::Pod,
    asked: Option<&str>,
    quiet: bool,
) -> Result<String, Failure> {
    let metadata = pod.metadata.clone().unwrap_or_default();
    let spec = pod.spec.clone().unwrap_or_default();
    let known = all(&spec);
    if let Some(asked) = asked.filter(|asked| !asked.is_empty()) {
        if known.iter().any(|name| name == asked) {
            return Ok(asked.to_owned());
        }
        let out_of = out_of(&spec);
        let name = metadata.name;
        return Err(Failure::error(format!(
            "container {asked} is not valid for pod {name} out of: {out_of}"
        )));
    }
    if let Some(default) = metadata.annotations.get(DEFAULT_CONTAINER) {
        if known.contains(default) {
            return Ok(default.clone());
        }
        output::note(&format!(
            "Default container name {default:?} not found in pod {}",
            metadata.name
        ));
    }
    let Some(first) = spec.containers.first() else {
        return Err(Failure::error(format!(
            "pod {} does not have any containers",
            metadata.name
        )));
    };
    if known.len() > 1 && !quiet {
        output::note(&format!(
            "Defaulted container {:?} out of: {}",
            first.name,
            out_of(&spec)
        ));
    }
    Ok(first.name.clone())
}

/// The containers of a pod, each with its kind: regular, ephemeral, init.
fn out_of(spec: &proto::PodSpec) -> String {
    let mut names: Vec<String> = spec
        .containers
        .iter()
        .map(|container| container.name.clone())
        .collect();
    names.extend(ephemeral(spec).map(|name| format!("{name} (ephem)")));
    names.extend(
        spec.init_containers
            .iter()
            .map(|container| format!("{} (init)", container.name)),
    );
    names.join(", ")
}
