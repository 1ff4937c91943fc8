//! Admission of a new pod: from the message to the validated, defaulted form.
//!
//! ```text
//! message ─► typed and defaulted ─► rules of the lifecycle ─► NewPod + warnings
//!               │ violations            │ violations
//!               └──────────► all of them at once, with Kubernetes field paths
//! ```
//! Every field is honoured, kept with a warning, or refused by name: nothing is dropped silently.
//! Reference: spec §10; kubernetes `pkg/apis/core/{v1/defaults.go,validation/validation.go}`.

mod container;
mod dns;
mod env;
mod ephemeral;
mod handler;
mod image;
mod pod;
mod refused;
mod resources;
mod warn;

use std::{collections::HashSet, sync::Arc};

use lifepod_lifecycle::{
    NewPod,
    id::{PodKey, PodUid},
    validate::{Violation, Violations, validate},
};
use lifepod_proto::v1 as proto;
use serde_json::Value;

use super::{extra, name};

pub(crate) use lifepod_lifecycle::validate::NOT_YET;

pub(crate) use self::{ephemeral::ephemeral_containers, pod::pod_spec};

/// Namespace of a pod that names none.
pub(crate) const DEFAULT_NAMESPACE: &str = "default";

/// A pod that may be created.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub pod: NewPod,
    pub warnings: Vec<proto::Warning>,
    /// The name was made from `generateName`.
    pub generated: bool,
}

/// Checks a new pod.
///
/// # Errors
/// Every violation at once.
pub(crate) fn admit(pod: &proto::Pod, node: &Arc<str>) -> Result<Admitted, Violations> {
    let mut violations = Violations::default();
    let mut warnings = Vec::new();
    let no_metadata = proto::ObjectMeta::default();
    let meta = pod.metadata.as_ref().unwrap_or(&no_metadata);
    let generated = meta.name.is_empty() && !meta.generate_name.is_empty();
    // A pod without a specification lacks everything a specification must have.
    let no_spec = proto::PodSpec::default();
    let given = pod.spec.as_ref().unwrap_or(&no_spec);
    let mut spec = pod_spec(given, node, &mut violations, &mut warnings);
    if !given.ephemeral_containers.is_empty() {
        violations.forbidden("spec.ephemeralContainers", "cannot be set on create");
    }
    keep_metadata(meta, &mut spec.extra);
    let new = NewPod {
        key: key(meta, generated),
        uid: PodUid::from(uuid::Uuid::new_v4().to_string().as_str()),
        labels: meta.labels.clone(),
        annotations: meta.annotations.clone(),
        finalizers: meta.finalizers.clone(),
        spec,
        node: Arc::clone(node),
    };
    if let Err(more) = validate(&new) {
        merge(&mut violations, more);
    }
    if !violations.is_empty() {
        return Err(violations);
    }
    warn::about(&new, &mut warnings);
    Ok(Admitted {
        pod: new,
        warnings,
        generated,
    })
}

/// Namespace and name of a request, defaulted.
pub(crate) fn key(meta: &proto::ObjectMeta, generated: bool) -> PodKey {
    let namespace = if meta.namespace.is_empty() {
        DEFAULT_NAMESPACE
    } else {
        &meta.namespace
    };
    if generated {
        PodKey::new(namespace, &name::generate(&meta.generate_name))
    } else {
        PodKey::new(namespace, &meta.name)
    }
}

/// Keeps what is metadata and has no meaning beyond being shown.
pub(crate) fn keep_metadata(
    meta: &proto::ObjectMeta,
    kept: &mut std::collections::BTreeMap<String, Value>,
) {
    if !meta.generate_name.is_empty() {
        let prefix = Value::from(meta.generate_name.as_str());
        kept.insert(extra::GENERATE_NAME.to_owned(), prefix);
    }
    if !meta.owner_references.is_empty() {
        let owners = extra::owner_references_from(&meta.owner_references);
        kept.insert(extra::OWNER_REFERENCES.to_owned(), owners);
    }
}

/// Adds what the rules found, except about fields that were already found wrong: a value that
/// could not be converted would be reported twice.
pub(crate) fn merge(violations: &mut Violations, more: Violations) {
    let known: HashSet<String> = violations.0.iter().map(|v| v.field.clone()).collect();
    let new = |violation: &Violation| !known.contains(&violation.field);
    violations.0.extend(more.0.into_iter().filter(new));
}

#[cfg(test)]
mod tests;
