//! UpdatePod: labels and annotations. Everything else of a pod is refused when it differs.

use lifepod_engine::{Committed, SubmitError};
use lifepod_lifecycle::{
    NewPod, Pod,
    id::PodUid,
    input::Update,
    spec::{ContainerSpec, PodSpec},
    validate::{Violations, validate},
};
use lifepod_proto::v1 as proto;

use super::{Preconditions, create::subject, get::require_name};
use crate::{
    convert::{
        extra,
        meta::key,
        spec_in::{NOT_YET, merge, pod_spec},
    },
    error::{ApiError, Result},
    request_key::request_key,
    shared::Shared,
};

/// The API server's words for a change that no pod may undergo.
const IMMUTABLE: &str = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";
const CONTAINERS: &str = "pod updates may not add or remove containers";

pub(super) async fn update(
    shared: &Shared,
    actor: String,
    mut request: proto::UpdatePodRequest,
) -> Result<proto::UpdatePodResponse> {
    shared.check_open()?;
    let id = std::mem::take(&mut request.request_id);
    let request_key = request_key("UpdatePod", &id, &request)?;
    let given = request.pod.unwrap_or_default();
    let meta = given.metadata.clone().unwrap_or_default();
    require_name(&meta.name, "UpdatePodRequest")?;
    let key = key(&meta.namespace, &meta.name);
    let mut preconditions = Preconditions::new(&meta.uid, meta.revision);
    let Some(pod) = shared.engine.get(&key) else {
        // Gone, but the engine may know the answer to an earlier request of this id. Nothing
        // was checked, so no pod that comes to be meanwhile may fit.
        preconditions.uid = Some(PodUid::from(""));
        let target = preconditions.target(&key);
        let update = wanted(meta);
        let update = shared.engine.update(target, update, request_key, actor);
        let committed = update.await.map_err(|error| match error {
            SubmitError::UidMismatch { key, .. } => ApiError::PodNotFound(key),
            other => other.into(),
        })?;
        return Ok(updated(shared, &committed));
    };
    check(shared, &pod, &given, &meta, request.subresource)
        .map_err(|violations| ApiError::fields(&subject(&given), violations))?;
    if request.validate_only {
        preconditions.check(&pod)?;
        return Ok(validated(shared, &pod, meta));
    }
    let committed = shared
        .engine
        .update(preconditions.target(&key), wanted(meta), request_key, actor)
        .await?;
    Ok(updated(shared, &committed))
}

fn wanted(meta: proto::ObjectMeta) -> Update {
    Update {
        labels: Some(meta.labels.into_iter().collect()),
        annotations: Some(meta.annotations.into_iter().collect()),
        ..Update::default()
    }
}

fn updated(shared: &Shared, committed: &Committed) -> proto::UpdatePodResponse {
    proto::UpdatePodResponse {
        pod: Some(shared.face.full(&committed.pod)),
        warnings: Vec::new(),
        resume_token: shared.tokens.resume(committed.revision, 0),
    }
}

fn validated(shared: &Shared, pod: &Pod, meta: proto::ObjectMeta) -> proto::UpdatePodResponse {
    let mut changed = pod.clone();
    changed.meta.labels = meta.labels.into();
    changed.meta.annotations = meta.annotations.into();
    proto::UpdatePodResponse {
        pod: Some(shared.face.full(&changed)),
        warnings: Vec::new(),
        resume_token: String::new(),
    }
}

fn check(
    shared: &Shared,
    pod: &Pod,
    given: &proto::Pod,
    meta: &proto::ObjectMeta,
    subresource: i32,
) -> std::result::Result<(), Violations> {
    let mut violations = Violations::default();
    if subresource != 0 {
        violations.forbidden("subresource", NOT_YET);
    }
    if meta.finalizers != pod.meta.finalizers {
        violations.forbidden("metadata.finalizers", NOT_YET);
    }
    let owners = pod.spec.extra.get(extra::OWNER_REFERENCES);
    if meta.owner_references != owners.map(extra::owner_references_to).unwrap_or_default() {
        violations.forbidden("metadata.ownerReferences", NOT_YET);
    }
    if let Some(spec) = &given.spec {
        let mut kept_warnings = Vec::new();
        let mut wanted = pod_spec(
            spec,
            shared.engine.node(),
            &mut violations,
            &mut kept_warnings,
        );
        // These two are metadata, which the specification only keeps.
        for name in [extra::GENERATE_NAME, extra::OWNER_REFERENCES] {
            if let Some(kept) = pod.spec.extra.get(name) {
                wanted.extra.insert(name.to_owned(), kept.clone());
            }
        }
        compare(&pod.spec, &wanted, &mut violations);
    }
    if let Err(more) = validate(&with_meta(pod, meta)) {
        merge(&mut violations, more);
    }
    if violations.is_empty() {
        Ok(())
    } else {
        Err(violations)
    }
}

fn with_meta(pod: &Pod, meta: &proto::ObjectMeta) -> NewPod {
    NewPod {
        key: pod.meta.key.clone(),
        uid: pod.meta.uid.clone(),
        labels: meta.labels.clone(),
        annotations: meta.annotations.clone(),
        finalizers: pod.meta.finalizers.clone(),
        spec: (*pod.spec).clone(),
        node: pod.meta.node.clone(),
    }
}

/// Tells what of a specification was to be changed.
fn compare(is: &PodSpec, wanted: &PodSpec, v: &mut Violations) {
    let (is, wanted) = (readable(is), readable(wanted));
    if is == wanted {
        return;
    }
    let names = |list: &[ContainerSpec]| list.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
    let lists = [
        ("spec.containers", &is.containers, &wanted.containers),
        (
            "spec.initContainers",
            &is.init_containers,
            &wanted.init_containers,
        ),
    ];
    if let Some((path, ..)) = lists
        .iter()
        .find(|(_, is, wanted)| names(is) != names(wanted))
    {
        v.forbidden(*path, CONTAINERS);
        return;
    }
    let mut rest = wanted.clone();
    for (path, is, wanted) in lists {
        for (index, (is, wanted)) in is.iter().zip(wanted).enumerate() {
            if is.image != wanted.image {
                v.forbidden(format!("{path}[{index}].image"), NOT_YET);
            }
        }
    }
    if is.active_deadline != wanted.active_deadline {
        v.forbidden("spec.activeDeadlineSeconds", NOT_YET);
    }
    if is.extra.get("tolerations") != wanted.extra.get("tolerations") {
        v.forbidden("spec.tolerations", NOT_YET);
    }
    adopt_changeable(&mut rest, &is);
    if rest != is {
        v.forbidden("spec", IMMUTABLE);
    }
}

/// Makes the fields that Kubernetes lets change equal to what is.
fn adopt_changeable(wanted: &mut PodSpec, is: &PodSpec) {
    let pairs = wanted.containers.iter_mut().zip(&is.containers);
    let init = wanted.init_containers.iter_mut().zip(&is.init_containers);
    for (wanted, is) in pairs.chain(init) {
        wanted.image.clone_from(&is.image);
        // Its default hangs on the image's tag.
        wanted.image_pull_policy = is.image_pull_policy;
    }
    wanted.active_deadline = is.active_deadline;
    match is.extra.get("tolerations") {
        Some(kept) => wanted.extra.insert("tolerations".to_owned(), kept.clone()),
        None => wanted.extra.remove("tolerations"),
    };
}

/// A specification with the defaults a client sees, which it may send back.
fn readable(spec: &PodSpec) -> PodSpec {
    let mut spec = spec.clone();
    let defaults = [
        (
            "schedulerName",
            serde_json::Value::from("default-scheduler"),
        ),
        ("preemptionPolicy", "PreemptLowerPriority".into()),
        ("enableServiceLinks", true.into()),
    ];
    for (name, default) in defaults {
        spec.extra.entry(name.to_owned()).or_insert(default);
    }
    spec
}
