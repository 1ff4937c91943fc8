//! Deleting pods.

use lifepod_proto::v1 as proto;

use super::{Pods, ensure_request_id};
use crate::{Result, call::rpc};

/// How a pod is deleted. The default is the pod's own grace period.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeleteOptions {
    /// Grace period in seconds; 0 removes the object at once. Default: the pod's own.
    pub grace_period_seconds: Option<i64>,
    /// Only the pod of this uid.
    pub uid: Option<String>,
    /// Only at this revision.
    pub revision: Option<u64>,
    /// A missing pod is no error.
    pub allow_missing: bool,
    /// Check only.
    pub validate_only: bool,
    /// Request id of one's own, to repeat the request across a restart of the caller.
    pub request_id: Option<String>,
}

impl DeleteOptions {
    /// With this grace period in seconds.
    #[must_use]
    pub fn grace(seconds: i64) -> Self {
        Self {
            grace_period_seconds: Some(seconds),
            ..Self::default()
        }
    }
}

/// What became of a deletion request.
#[derive(Clone, Debug, PartialEq)]
pub struct Deleted {
    /// The pod as it is now, or as it was last; `None` when it was missing.
    pub pod: Option<proto::Pod>,
    /// Whether the object is gone already.
    pub removed: bool,
    /// Position right after the request; a watch from here sees the end.
    pub resume_token: String,
}

impl Pods {
    /// Asks for a pod's deletion. It is over when [`Deleted::removed`] is true or a watch says DELETED.
    ///
    /// # Errors
    /// [`Error::is_not_found`](crate::Error::is_not_found) when there is none, unless allowed.
    pub async fn delete(&self, name: &str, options: DeleteOptions) -> Result<Deleted> {
        let mut request = proto::DeletePodRequest {
            namespace: self.namespace().to_owned(),
            name: name.to_owned(),
            uid: options.uid.unwrap_or_default(),
            revision: options.revision.unwrap_or_default(),
            grace_period_seconds: options.grace_period_seconds,
            allow_missing: options.allow_missing,
            request_id: options.request_id.unwrap_or_default(),
            validate_only: options.validate_only,
        };
        ensure_request_id(&mut request.request_id);
        let service = self.service();
        let call = rpc!(service, delete_pod);
        let response = self.client.mutate(request, call).await?;
        Ok(Deleted {
            pod: response.pod,
            removed: response.removed,
            resume_token: response.resume_token,
        })
    }
}
