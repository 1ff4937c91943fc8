//! GetPod.

use lifepod_lifecycle::validate::Violations;
use lifepod_proto::v1 as proto;

use crate::{
    convert::meta::key,
    error::{ApiError, Result},
    shared::Shared,
};

pub(super) fn get(
    shared: &Shared,
    request: &proto::GetPodRequest,
) -> Result<proto::GetPodResponse> {
    require_name(&request.name, "GetPodRequest")?;
    refuse_revision(request.revision, "lifepod.v1.PodService/GetPod")?;
    let key = key(&request.namespace, &request.name);
    let (found, position) = shared.pod_and_position(&key);
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

/// # Errors
/// `RPC_NOT_SERVED` for a read of the past, which is not served yet.
pub(super) fn refuse_revision(revision: u64, rpc: &'static str) -> Result<()> {
    if revision == 0 {
        return Ok(());
    }
    Err(ApiError::PartNotServed {
        rpc,
        what: "revision",
    })
}
