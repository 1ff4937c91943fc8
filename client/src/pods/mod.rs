//! The pods of a namespace, or of all of them.

mod delete;
mod history;
mod list;
mod selector;
mod wait;
mod watch;
mod write;

use lifepod_proto::v1::{self as proto, pod_service_client::PodServiceClient};
use tonic::transport::Channel;

use crate::{
    Client, Result,
    call::{ensure_request_id, rpc},
    connect::sized,
};

pub use delete::{DeleteOptions, Deleted};
pub use history::TransitionFilter;
pub use list::PodList;
pub use selector::Selector;
pub use wait::{Wait, WaitOutcome};
pub use watch::{ResetReason, Watch, WatchEvent, WatchOptions, WatchStart};
pub use write::{Created, Updated};

/// The pods of one namespace ([`Client::pods`]) or of all ([`Client::all_pods`]).
#[derive(Clone, Debug)]
pub struct Pods {
    pub(crate) client: Client,
    namespace: Option<String>,
}

impl Pods {
    pub(crate) fn new(client: Client, namespace: Option<String>) -> Self {
        Self { client, namespace }
    }

    /// The namespace for calls on one pod.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or("default")
    }

    /// Reads one pod, as it is now.
    ///
    /// # Errors
    /// [`Error::is_not_found`](crate::Error::is_not_found) when there is none.
    pub async fn get(&self, name: &str) -> Result<proto::Pod> {
        self.get_at(name, 0).await
    }

    /// Reads one pod as it was at a revision; 0 means now.
    ///
    /// # Errors
    /// `REVISION_EXPIRED` when that revision is not kept any more.
    pub async fn get_at(&self, name: &str, revision: u64) -> Result<proto::Pod> {
        let request = proto::GetPodRequest {
            namespace: self.namespace().to_owned(),
            name: name.to_owned(),
            uid: String::new(),
            revision,
        };
        let service = self.service();
        let response = self.client.unary(request, rpc!(service, get_pod)).await?;
        response.pod.ok_or(crate::Error::Protocol {
            detail: "GetPod answered without a pod",
        })
    }

    /// The selector of a request: the caller's, within the namespace of this handle.
    fn scoped(&self, selector: &Selector) -> proto::PodSelector {
        let mut selector = selector.0.clone();
        if let Some(namespace) = &self.namespace {
            selector.namespaces = vec![namespace.clone()];
        }
        selector
    }

    fn service(&self) -> PodServiceClient<Channel> {
        sized!(PodServiceClient::new(self.client.channel()))
    }
}
