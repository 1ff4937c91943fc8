//! GetPod, also as of a revision.

use std::sync::Arc;

use lifepod_lifecycle::{
    Pod,
    id::{PodKey, Revision},
    validate::Violations,
};
use lifepod_proto::v1 as proto;

use super::past::snapshot_at;
use crate::{
    convert::meta::key,
    error::{ApiError, Result},
    shared::Shared,
};

pub(super) async fn get(
    shared: &Shared,
    request: &proto::GetPodRequest,
) -> Result<proto::GetPodResponse> {
    require_name(&request.name, "GetPodRequest")?;
    let key = key(&request.namespace, &request.name);
    let (found, position) = match request.revision {
        0 => shared.pod_and_position(&key),
        given => (
            pod_at(shared, &key, Revision(given)).await?,
            Revision(given),
        ),
    };
    let wanted = |uid: &str| request.uid.is_empty() || request.uid == uid;
    let pod = found
        .filter(|pod| wanted(pod.meta.uid.as_str()))
        .ok_or(ApiError::PodNotFound(key))?;
    Ok(proto::GetPodResponse {
        pod: Some(shared.face.full(&pod)),
        resume_token: shared.tokens.resume(position, 0),
    })
}

/// The pod of that name as of a revision, if there was one.
///
/// # Errors
/// As [`snapshot_at`].
pub(super) async fn pod_at(
    shared: &Shared,
    key: &PodKey,
    revision: Revision,
) -> Result<Option<Arc<Pod>>> {
    let (present, seen) = shared.pod_and_position(key);
    // It has not changed since.
    if let Some(pod) = present.filter(|pod| pod.revision <= revision && revision <= seen) {
        return Ok(Some(pod));
    }
    let past = snapshot_at(shared, revision).await?;
    let found = past.pods.binary_search_by(|pod| pod.meta.key.cmp(key));
    Ok(found.ok().map(|index| Arc::clone(&past.pods[index])))
}

/// # Errors
/// `VALIDATION_FAILED` when no name is given.
pub(super) fn require_name(name: &str, subject: &str) -> Result<()> {
    if name.is_empty() {
        let mut violations = Violations::default();
        violations.required("name", "");
        return Err(ApiError::fields(subject, violations));
    }
    Ok(())
}
