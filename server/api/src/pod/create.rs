//! CreatePod.

use lifepod_engine::{Committed, RequestKey, SubmitError};
use lifepod_lifecycle::{Pod, validate::Violations};
use lifepod_proto::v1 as proto;

use crate::{
    convert::{
        spec_in::{Admitted, admit, key},
        time::now,
    },
    error::{ApiError, Result},
    request_key::request_key,
    shared::Shared,
};

/// How often another name is tried when a generated one is taken, as the API server does.
const NAME_ATTEMPTS: u32 = 8;

pub(super) async fn create(
    shared: &Shared,
    actor: String,
    mut request: proto::CreatePodRequest,
) -> Result<proto::CreatePodResponse> {
    shared.check_open()?;
    let id = std::mem::take(&mut request.request_id);
    let request_key = request_key("CreatePod", &id, &request)?;
    let Some(pod) = &request.pod else {
        let mut violations = Violations::default();
        violations.required("pod", "");
        return Err(ApiError::fields("CreatePodRequest", violations));
    };
    let admitted = admit(pod, shared.engine.node())
        .map_err(|violations| ApiError::fields(&subject(pod), violations))?;
    if request.validate_only {
        return validated(shared, admitted);
    }
    let warnings = admitted.warnings.clone();
    let committed = submit(shared, pod, admitted, request_key, actor).await?;
    Ok(proto::CreatePodResponse {
        pod: Some(shared.face.full(&committed.pod)),
        warnings,
        resume_token: shared.tokens.resume(committed.revision, 0),
    })
}

/// How messages name the pod: `Pod "web"`.
pub(super) fn subject(pod: &proto::Pod) -> String {
    let name = pod.metadata.as_ref().map_or("", |meta| meta.name.as_str());
    format!("Pod \"{name}\"")
}

fn validated(shared: &Shared, admitted: Admitted) -> Result<proto::CreatePodResponse> {
    let key = &admitted.pod.key;
    if let Some(taken) = shared.engine.get(key).filter(|_| !admitted.generated) {
        return Err(ApiError::PodAlreadyExists {
            key: key.clone(),
            uid: Some(taken.meta.uid.clone()),
        });
    }
    Ok(proto::CreatePodResponse {
        pod: Some(shared.face.full(&Pod::create(admitted.pod, now()))),
        warnings: admitted.warnings,
        resume_token: String::new(),
    })
}

async fn submit(
    shared: &Shared,
    given: &proto::Pod,
    admitted: Admitted,
    request: Option<RequestKey>,
    actor: String,
) -> Result<Committed> {
    let mut new = admitted.pod;
    let names = given.metadata.as_ref().filter(|_| admitted.generated);
    if let Some(meta) = names {
        for _ in 1..NAME_ATTEMPTS {
            let (pod, request, actor) = (new.clone(), request.clone(), actor.clone());
            match shared.engine.create(pod, request, actor).await {
                Err(SubmitError::AlreadyExists { .. }) => new.key = key(meta, true),
                other => return Ok(other?),
            }
        }
    }
    match shared.engine.create(new, request, actor).await {
        Err(SubmitError::AlreadyExists { key }) => {
            let uid = shared.engine.get(&key).map(|pod| pod.meta.uid.clone());
            Err(ApiError::PodAlreadyExists { key, uid })
        }
        other => Ok(other?),
    }
}
