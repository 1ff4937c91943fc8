//! UpdatePod: what may change of a pod, each part judged by Kubernetes' rules.
//!
//! Admission judges the pod as it was read, and the engine changes it only if it still is that one:
//! a pod that changed or was replaced meanwhile is read and judged again, unless the client named
//! that very revision or pod. A repeated request gets its first answer, whatever the pod became.

mod status;
mod wanted;

use std::sync::Arc;

use lifepod_engine::{Committed, SubmitError};
use lifepod_lifecycle::{
    Pod, Settings,
    id::{PodKey, PodUid},
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
        attempt += 1;
        let mut preconditions = Preconditions::new(&meta.uid, meta.revision);
        let (update, refused) = match judge(shared, &key, &preconditions, &given, &request) {
            Ok((pod, update)) if request.validate_only => return validated(shared, &pod, update),
            Ok((pod, update)) => {
                preconditions
                    .uid
                    .get_or_insert_with(|| pod.meta.uid.clone());
                preconditions.revision.get_or_insert(pod.revision);
                (update, None)
            }
            Err(refused) if request.validate_only || request_key.is_none() => return Err(refused),
            Err(refused) => {
                // The engine may know the answer to an earlier request of this id. Nothing was
                // judged, so no pod may fit.
                preconditions.uid = Some(PodUid::from(""));
                (Update::default(), Some(refused))
            }
        };
        let target = preconditions.target(&key);
        let answer = shared
            .engine
            .update(target, update, request_key.clone(), actor.clone())
            .await;
        match (answer, refused) {
            (Ok(committed), _) => return Ok(updated(shared, &committed)),
            (
                Err(SubmitError::UidMismatch { .. } | SubmitError::NotFound { .. }),
                Some(refused),
            ) => return Err(refused),
            (Err(SubmitError::RevisionMismatch { .. }), _)
                if meta.revision == 0 && attempt < ATTEMPTS => {}
            (Err(SubmitError::UidMismatch { .. }), _)
                if meta.uid.is_empty() && attempt < ATTEMPTS => {}
            (Err(other), _) => return Err(other.into()),
        }
    }
}

/// The pod as it is, and what the update would make of it.
///
/// # Errors
/// Why it may not be: there is no such pod, or not as the client takes it to be, or the update is
/// against the rules.
fn judge(
    shared: &Shared,
    key: &PodKey,
    preconditions: &Preconditions,
    given: &proto::Pod,
    request: &proto::UpdatePodRequest,
) -> Result<(Arc<Pod>, Update)> {
    let pod = shared.pod(key)?;
    preconditions.check(&pod)?;
    let update = wanted::update(shared, &pod, given, request.subresource)
        .map_err(|violations| ApiError::fields(&subject(given), violations))?;
    Ok((pod, update))
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
