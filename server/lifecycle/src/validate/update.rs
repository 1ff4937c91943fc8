//! What may change of a pod after its creation (spec §10.7; kubernetes `ValidatePodUpdate`).

use serde_json::Value;

use super::{Violations, container, ephemeral, metadata};
use crate::{
    NewPod, Pod,
    spec::{ContainerSpec, EphemeralContainer, PodSpec},
};

/// The API server's words for a change that no pod may undergo.
pub const IMMUTABLE: &str = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";
const CONTAINERS: &str = "pod updates may not add or remove containers";
const TOLERATIONS: &str = "existing toleration can not be modified except its tolerationSeconds";
const LIMIT: &str = "must be between 0 and 2147483647, inclusive";

/// Checks metadata and specification as they shall be, typed and defaulted, against the pod.
///
/// # Errors
/// Every violation found; of the specification only the first kind, as Kubernetes does.
pub fn validate_update(is: &Pod, wanted: &NewPod) -> Result<(), Violations> {
    let mut v = validate_metadata_update(is, wanted)
        .err()
        .unwrap_or_default();
    specification(&is.spec, &wanted.spec, &mut v);
    v.into_result()
}

/// Checks metadata as it shall be against the pod, for a specification that stays as it is.
///
/// # Errors
/// Every violation found.
pub fn validate_metadata_update(is: &Pod, wanted: &NewPod) -> Result<(), Violations> {
    let mut v = Violations::default();
    finalizers(is, &wanted.finalizers, &mut v);
    metadata::check(wanted, &mut v);
    v.into_result()
}

/// Checks a list that is to replace the pod's ephemeral containers.
///
/// # Errors
/// Every violation found.
pub fn validate_ephemeral(is: &Pod, wanted: &[EphemeralContainer]) -> Result<(), Violations> {
    let mut v = Violations::default();
    ephemeral::replacement(&is.spec, wanted, &mut v);
    v.into_result()
}

fn finalizers(is: &Pod, wanted: &[String], v: &mut Violations) {
    let known = &is.meta.finalizers;
    let new: Vec<_> = wanted.iter().filter(|name| !known.contains(name)).collect();
    if is.meta.deletion.is_some() && !new.is_empty() {
        let detail = format!(
            "no new finalizers can be added if the object is being deleted, found new finalizers {new:?}"
        );
        v.forbidden("metadata.finalizers", &detail);
    }
}

fn specification(is: &PodSpec, wanted: &PodSpec, v: &mut Violations) {
    let lists = [
        ("spec.containers", &is.containers, &wanted.containers),
        (
            "spec.initContainers",
            &is.init_containers,
            &wanted.init_containers,
        ),
    ];
    for (path, is, wanted) in lists {
        if is.len() != wanted.len() {
            v.forbidden(path, CONTAINERS);
            return;
        }
    }
    for (path, is, wanted) in lists {
        for (index, (is, wanted)) in is.iter().zip(wanted).enumerate() {
            if is.image != wanted.image {
                container::image(&format!("{path}[{index}]"), &wanted.image, v);
            }
        }
    }
    deadline(is, wanted, v);
    let tolerations = |spec: &PodSpec| {
        let list = spec.extra.get("tolerations").and_then(Value::as_array);
        list.cloned().unwrap_or_default()
    };
    if !only_added(&tolerations(is), &tolerations(wanted)) {
        v.forbidden("spec.tolerations", TOLERATIONS);
    }
    if adopted(wanted, is) != *is {
        v.forbidden("spec", IMMUTABLE);
    }
}

fn deadline(is: &PodSpec, wanted: &PodSpec, v: &mut Violations) {
    const FIELD: &str = "spec.activeDeadlineSeconds";
    let seconds = |spec: &PodSpec| spec.active_deadline.map(|limit| limit.as_secs());
    match (seconds(is), seconds(wanted)) {
        (_, Some(new)) if new > i32::MAX as u64 => v.invalid(FIELD, new, LIMIT),
        (Some(old), Some(new)) if new > old => {
            v.invalid(FIELD, new, "must be less than or equal to previous value");
        }
        (Some(_), None) => {
            let detail = "must not update from a positive integer to nil value";
            v.invalid(FIELD, "nil", detail);
        }
        _ => {}
    }
}

/// Whether every toleration is still there, but for its seconds.
fn only_added(is: &[Value], wanted: &[Value]) -> bool {
    let bare = |toleration: &Value| {
        let mut bare = toleration.clone();
        if let Some(fields) = bare.as_object_mut() {
            fields.remove("tolerationSeconds");
        }
        bare
    };
    let wanted: Vec<_> = wanted.iter().map(bare).collect();
    is.iter().all(|known| wanted.contains(&bare(known)))
}

/// `wanted` with every field that may change as it is now.
fn adopted(wanted: &PodSpec, is: &PodSpec) -> PodSpec {
    const CHANGEABLE: [&str; 3] = [
        "tolerations",
        "metadata.generateName",
        "metadata.ownerReferences",
    ];
    let mut rest = wanted.clone();
    let images = |rest: &mut [ContainerSpec], is: &[ContainerSpec]| {
        for (rest, is) in rest.iter_mut().zip(is) {
            rest.image.clone_from(&is.image);
        }
    };
    images(&mut rest.containers, &is.containers);
    images(&mut rest.init_containers, &is.init_containers);
    rest.active_deadline = is.active_deadline;
    // Ephemeral containers have a subresource of their own; here they are not looked at.
    rest.ephemeral_containers
        .clone_from(&is.ephemeral_containers);
    for field in CHANGEABLE {
        match is.extra.get(field) {
            Some(kept) => rest.extra.insert(field.to_owned(), kept.clone()),
            None => rest.extra.remove(field),
        };
    }
    rest
}
