//! GetPod, also as of a revision.

use lifepod_lifecycle::{id::Revision, validate::Violations};
use lifepod_proto::v1 as proto;

use super::past::pod_at;
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
