//! UpdatePod: what may change of a pod, each part judged by Kubernetes' rules.
//!
//! Admission judges the pod as it was read, and the engine changes it only if it still is that one:
//! a pod that changed meanwhile is read and judged again, unless the client named a revision.

mod status;
mod wanted;

use lifepod_engine::{Committed, SubmitError};
use lifepod_lifecycle::{
    Pod, Settings,
    id::PodUid,
    input::{Command, Input, Update},
    transition::{Cause, CauseKind},
};
use lifepod_proto::v1 as proto;

use super::{Preconditions, create::subject, get::require_name};
use crate::{
    convert::{meta::key, time::now},
    error::{ApiError, Result},
    request_key::request_key,
    shared::Shared,
};

/// How often a pod that keeps changing is judged again.
const ATTEMPTS: u32 = 32;

pub(super) async fn update(
    shared: &Shared,
    actor: String,
    mut request: proto::UpdatePodRequest,
) -> Result<proto::UpdatePodResponse> {
    shared.check_open()?;
    let id = std::mem::take(&mut request.request_id);
    let request_key = request_key("UpdatePod", &id, &request)?;
    let given = request.pod.take().unwrap_or_default();
    let no_meta = proto::ObjectMeta::default();
    let meta = given.metadata.as_ref().unwrap_or(&no_meta);
    require_name(&meta.name, "UpdatePodRequest")?;
    let key = key(&meta.namespace, &meta.name);
    let mut attempt = 0;
    loop {
        let mut preconditions = Preconditions::new(&meta.uid, meta.revision);
        let mut update = Update::default();
        if let Some(pod) = shared.engine.get(&key) {
            preconditions.check(&pod)?;
            update = wanted::update(shared, &pod, &given, request.subresource)
                .map_err(|violations| ApiError::fields(&subject(&given), violations))?;
            if request.validate_only {
                return validated(shared, &pod, update);
            }
            preconditions
                .uid
                .get_or_insert_with(|| pod.meta.uid.clone());
            preconditions.revision.get_or_insert(pod.revision);
        } else {
            // Gone, but the engine may know the answer to an earlier request of this id. Nothing
            // was checked, so no pod that comes to be meanwhile may fit.
            preconditions.uid = Some(PodUid::from(""));
        }
        let target = preconditions.target(&key);
        let answer = shared
            .engine
            .update(target, update, request_key.clone(), actor.clone())
            .await;
        attempt += 1;
        match answer {
            Ok(committed) => return Ok(updated(shared, &committed)),
            Err(SubmitError::RevisionMismatch { .. })
                if meta.revision == 0 && attempt < ATTEMPTS => {}
            Err(SubmitError::UidMismatch { key, .. }) if preconditions.uid == Some("".into()) => {
                return Err(ApiError::PodNotFound(key));
            }
            Err(other) => return Err(other.into()),
        }
    }
}

fn updated(shared: &Shared, committed: &Committed) -> proto::UpdatePodResponse {
    proto::UpdatePodResponse {
        pod: Some(shared.face.full(&committed.pod)),
        warnings: Vec::new(),
        resume_token: shared.tokens.resume(committed.revision, 0),
    }
}

/// The pod as the update would make it.
fn validated(shared: &Shared, pod: &Pod, update: Update) -> Result<proto::UpdatePodResponse> {
    let mut changed = pod.clone();
    let command = Command::Update(Box::new(update));
    changed
        .step(
            &Settings::default(),
            now(),
            &Input::Command(command, Cause::of(CauseKind::Request)),
        )
        .map_err(|denied| ApiError::from(SubmitError::Denied(denied)))?;
    Ok(proto::UpdatePodResponse {
        pod: Some(shared.face.full(&changed)),
        warnings: Vec::new(),
        resume_token: String::new(),
    })
}
