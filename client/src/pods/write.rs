//! Creating and changing pods.

use lifepod_proto::v1 as proto;

use super::{Pods, ensure_request_id};
use crate::{
    Error, Result,
    call::rpc,
    manifest::{ManifestError, Position},
};

/// A pod as the server stored it.
#[derive(Clone, Debug, PartialEq)]
pub struct Created {
    /// The pod with all defaults.
    pub pod: proto::Pod,
    /// Remarks that did not stop the request.
    pub warnings: Vec<proto::Warning>,
    /// Position right after the creation; a watch from here misses nothing. Empty with `validate_only`.
    pub resume_token: String,
}

/// A pod after a change.
#[derive(Clone, Debug, PartialEq)]
pub struct Updated {
    /// The pod.
    pub pod: proto::Pod,
    /// Remarks that did not stop the request.
    pub warnings: Vec<proto::Warning>,
    /// Position right after the change.
    pub resume_token: String,
}

impl Pods {
    /// Creates a pod. A pod without a namespace gets that of this handle.
    ///
    /// # Errors
    /// [`Error::is_already_exists`] when the name is taken; `VALIDATION_FAILED` with every violation at once.
    pub async fn create(&self, pod: proto::Pod) -> Result<Created> {
        self.create_with(proto::CreatePodRequest {
            pod: Some(pod),
            ..Default::default()
        })
        .await
    }

    /// Has a pod checked and defaulted, and stores nothing.
    ///
    /// # Errors
    /// As [`Pods::create`].
    pub async fn validate(&self, pod: proto::Pod) -> Result<Created> {
        self.create_with(proto::CreatePodRequest {
            pod: Some(pod),
            validate_only: true,
            ..Default::default()
        })
        .await
    }

    /// Adds what the server finds wrong with the rest of a pod that has values no message can carry, so that a person
    /// is told everything at once. Any other error comes back as it is, as does this one when the server does not
    /// answer.
    pub async fn complete(&self, error: ManifestError) -> ManifestError {
        let ManifestError::Invalid {
            name,
            mut violations,
            mut at,
            rest,
        } = error
        else {
            return error;
        };
        let answer = self.validate((*rest).clone()).await;
        if let Err(Error::Api(answer)) = answer {
            let known: Vec<String> = violations.iter().map(|known| known.field.clone()).collect();
            let mut more = answer.violations;
            more.retain(|violation| !known.contains(&violation.field));
            at.extend(more.iter().map(|_| Position::default()));
            violations.extend(more);
        }
        ManifestError::Invalid {
            name,
            violations,
            at,
            rest,
        }
    }

    /// Creates a pod by a whole request, for a request id of one's own: the way to create exactly one pod across a
    /// restart of the caller.
    ///
    /// # Errors
    /// As [`Pods::create`].
    pub async fn create_with(&self, mut request: proto::CreatePodRequest) -> Result<Created> {
        ensure_request_id(&mut request.request_id);
        let metadata = &mut request.pod.get_or_insert_default().metadata;
        let metadata = metadata.get_or_insert_default();
        if metadata.namespace.is_empty() {
            self.namespace().clone_into(&mut metadata.namespace);
        }
        let service = self.service();
        let call = rpc!(service, create_pod);
        let response = self.client.mutate(request, call).await?;
        Ok(Created {
            pod: response.pod.ok_or(Error::Protocol {
                detail: "CreatePod answered without a pod",
            })?,
            warnings: response.warnings,
            resume_token: response.resume_token,
        })
    }

    /// Replaces a pod's metadata and desired state. Read it, change it, send it back: its revision is then a
    /// precondition.
    ///
    /// # Errors
    /// `REVISION_MISMATCH` when it was changed meanwhile: read again and redo the change.
    pub async fn update(&self, mut pod: proto::Pod) -> Result<Updated> {
        // The server does not look at it; a large part of the message.
        pod.status = None;
        self.update_with(proto::UpdatePodRequest {
            pod: Some(pod),
            ..Default::default()
        })
        .await
    }

    /// Replaces one subresource of a pod.
    ///
    /// # Errors
    /// As [`Pods::update`].
    pub async fn update_subresource(
        &self,
        pod: proto::Pod,
        subresource: proto::PodSubresource,
    ) -> Result<Updated> {
        self.update_with(proto::UpdatePodRequest {
            pod: Some(pod),
            subresource: subresource.into(),
            ..Default::default()
        })
        .await
    }

    /// Changes a pod by a whole request, for a request id of one's own.
    ///
    /// # Errors
    /// As [`Pods::update`].
    pub async fn update_with(&self, mut request: proto::UpdatePodRequest) -> Result<Updated> {
        ensure_request_id(&mut request.request_id);
        let service = self.service();
        let call = rpc!(service, update_pod);
        let response = self.client.mutate(request, call).await?;
        Ok(Updated {
            pod: response.pod.ok_or(Error::Protocol {
                detail: "UpdatePod answered without a pod",
            })?,
            warnings: response.warnings,
            resume_token: response.resume_token,
        })
    }
}
