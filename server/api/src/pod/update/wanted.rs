//! From the message to what shall change.

use std::collections::BTreeMap;

use lifepod_lifecycle::{
    NewPod, Pod,
    input::Update,
    spec::PodSpec,
    validate::{
        IMMUTABLE, NOT_YET, Violations, validate_ephemeral, validate_metadata_update,
        validate_update,
    },
};
use lifepod_proto::v1 as proto;
use serde_json::Value;

use super::status;
use crate::{
    convert::{
        extra, meta,
        spec_in::{self, merge},
        spec_out, time,
    },
    shared::Shared,
};

/// What an update makes of a pod.
///
/// # Errors
/// Every violation at once.
pub(super) fn update(
    shared: &Shared,
    pod: &Pod,
    given: &proto::Pod,
    subresource: i32,
) -> Result<Update, Violations> {
    use proto::PodSubresource as Part;
    match Part::try_from(subresource) {
        Ok(Part::Unspecified) => whole(shared, pod, given),
        Ok(Part::EphemeralContainers) => ephemeral(pod, given),
        Ok(Part::Status) => status::conditions(given),
        Ok(Part::Resize) | Err(_) => {
            let mut violations = Violations::default();
            violations.not_served("subresource");
            Err(violations)
        }
    }
}

fn whole(shared: &Shared, pod: &Pod, given: &proto::Pod) -> Result<Update, Violations> {
    let mut v = Violations::default();
    let no_meta = proto::ObjectMeta::default();
    let meta = given.metadata.as_ref().unwrap_or(&no_meta);
    immutable_metadata(pod, meta, &mut v);
    let mut wanted = NewPod {
        key: pod.meta.key.clone(),
        uid: pod.meta.uid.clone(),
        labels: meta.labels.clone(),
        annotations: meta.annotations.clone(),
        finalizers: meta.finalizers.clone(),
        spec: PodSpec::clone(&pod.spec),
        node: pod.meta.node.clone(),
    };
    let spec = if spec_as_read(pod, given, meta) {
        if let Err(more) = validate_metadata_update(pod, &wanted) {
            merge(&mut v, more);
        }
        None
    } else {
        let mut spec = match &given.spec {
            Some(given) => typed(shared, given, &mut v),
            None => (*pod.spec).clone(),
        };
        spec_in::keep_metadata(meta, &mut spec.extra);
        let mut is = pod.clone();
        is.spec = readable(&pod.spec).into();
        wanted.spec = readable(&spec);
        if let Err(more) = validate_update(&is, &wanted) {
            merge(&mut v, more);
        }
        Some(taken_over(&pod.spec, spec))
    };
    v.into_result()?;
    Ok(Update {
        labels: Some(wanted.labels),
        annotations: Some(wanted.annotations),
        finalizers: Some(wanted.finalizers),
        spec,
        conditions: None,
    })
}

/// Whether nothing but labels, annotations and finalizers can differ, as in most updates: the rest
/// is sent back as it was read, or left out.
fn spec_as_read(pod: &Pod, given: &proto::Pod, meta: &proto::ObjectMeta) -> bool {
    let (generate_name, owners) = meta::kept(&pod.spec);
    let spec = given.spec.as_ref();
    meta.generate_name == generate_name
        && meta.owner_references == owners
        && spec.is_none_or(|spec| *spec == spec_out::spec(pod))
}

/// The specification as it shall be. No pod has a field that is not served, so one that is given
/// here is a change that nothing may undergo.
fn typed(shared: &Shared, given: &proto::PodSpec, v: &mut Violations) -> PodSpec {
    let mut found = Violations::default();
    let spec = spec_in::pod_spec(given, shared.engine.node(), &mut found, &mut Vec::new());
    let refused = |v: &lifepod_lifecycle::validate::Violation| v.message.ends_with(NOT_YET);
    if found.0.iter().any(refused) {
        v.forbidden("spec", IMMUTABLE);
    }
    v.0.extend(found.0.into_iter().filter(|violation| !refused(violation)));
    spec
}

/// What the server keeps of an object cannot be set.
fn immutable_metadata(pod: &Pod, meta: &proto::ObjectMeta, v: &mut Violations) {
    const DETAIL: &str = "field is immutable";
    let deletion = pod.meta.deletion;
    let created = time::seconds(pod.meta.created_at);
    if meta
        .creation_timestamp
        .is_some_and(|given| given != created)
    {
        v.invalid("metadata.creationTimestamp", "", DETAIL);
    }
    let deadline = deletion.map(|deletion| time::seconds(deletion.deadline));
    if meta.deletion_timestamp.is_some() && meta.deletion_timestamp != deadline {
        v.invalid("metadata.deletionTimestamp", "", DETAIL);
    }
    let grace = deletion.map(|deletion| i64::from(deletion.grace));
    let given = meta.deletion_grace_period_seconds;
    if given.is_some() && given != grace {
        v.invalid(
            "metadata.deletionGracePeriodSeconds",
            given.unwrap_or_default(),
            DETAIL,
        );
    }
}

/// The stored specification with what may change of it. Defaults that only readers see stay out
/// of the store.
fn taken_over(is: &PodSpec, wanted: PodSpec) -> PodSpec {
    let mut extra = is.extra.clone();
    for field in ["tolerations", extra::GENERATE_NAME, extra::OWNER_REFERENCES] {
        match wanted.extra.get(field) {
            Some(value) => extra.insert(field.to_owned(), value.clone()),
            // Emptied, which the rules can tell from untouched.
            None if extra.contains_key(field) => extra.insert(field.to_owned(), Value::Null),
            None => None,
        };
    }
    PodSpec {
        extra,
        ephemeral_containers: is.ephemeral_containers.clone(),
        ..wanted
    }
}

fn ephemeral(pod: &Pod, given: &proto::Pod) -> Result<Update, Violations> {
    let mut v = Violations::default();
    let no_spec = proto::PodSpec::default();
    let spec = given.spec.as_ref().unwrap_or(&no_spec);
    let wanted = spec_in::ephemeral_containers(spec, pod.spec.host_network, &mut v);
    if let Err(more) = validate_ephemeral(pod, &wanted) {
        merge(&mut v, more);
    }
    v.into_result()?;
    let mut spec = (*pod.spec).clone();
    spec.ephemeral_containers = wanted;
    Ok(Update {
        spec: Some(spec),
        ..Update::default()
    })
}

/// A specification with the defaults a client sees, which it may send back.
fn readable(spec: &PodSpec) -> PodSpec {
    let mut spec = spec.clone();
    let defaults: BTreeMap<&str, Value> = [
        ("schedulerName", "default-scheduler".into()),
        ("preemptionPolicy", "PreemptLowerPriority".into()),
        ("enableServiceLinks", true.into()),
    ]
    .into();
    for (name, default) in defaults {
        spec.extra.entry(name.to_owned()).or_insert(default);
    }
    spec
}
