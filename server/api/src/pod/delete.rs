//! DeletePod.

use lifepod_engine::SubmitError;
use lifepod_lifecycle::id::PodKey;
use lifepod_proto::v1 as proto;

use super::{Preconditions, get::require_name};
use crate::{convert::meta::key, error::Result, request_key::request_key, shared::Shared};

pub(super) async fn delete(
    shared: &Shared,
    actor: String,
    mut request: proto::DeletePodRequest,
) -> Result<proto::DeletePodResponse> {
    shared.check_open()?;
    require_name(&request.name, "DeletePodRequest")?;
    let id = std::mem::take(&mut request.request_id);
    let request_key = request_key("DeletePod", &id, &request)?;
    let key = key(&request.namespace, &request.name);
    let preconditions = Preconditions::new(&request.uid, request.revision);
    if request.validate_only {
        return validated(shared, &key, &preconditions, request.allow_missing);
    }
    let target = preconditions.target(&key);
    let grace = request.grace_period_seconds;
    match shared
        .engine
        .delete(target, grace, request_key, actor)
        .await
    {
        Ok(committed) => Ok(proto::DeletePodResponse {
            pod: Some(shared.face.full(&committed.pod)),
            removed: committed.removed,
            resume_token: shared.tokens.resume(committed.revision, 0),
        }),
        Err(SubmitError::NotFound { .. }) if request.allow_missing => Ok(missing(shared)),
        Err(error) => Err(error.into()),
    }
}

fn missing(shared: &Shared) -> proto::DeletePodResponse {
    proto::DeletePodResponse {
        pod: None,
        removed: true,
        resume_token: shared.tokens.resume(shared.engine.revision(), 0),
    }
}

fn validated(
    shared: &Shared,
    key: &PodKey,
    preconditions: &Preconditions,
    allow_missing: bool,
) -> Result<proto::DeletePodResponse> {
    if allow_missing && shared.engine.get(key).is_none() {
        return Ok(missing(shared));
    }
    let pod = shared.pod(key)?;
    preconditions.check(&pod)?;
    Ok(proto::DeletePodResponse {
        pod: Some(shared.face.full(&pod)),
        removed: false,
        resume_token: String::new(),
    })
}
