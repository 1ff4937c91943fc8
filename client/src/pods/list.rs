//! Listing pods.

use lifepod_proto::v1 as proto;

use super::{Pods, Selector};
use crate::{Result, call::rpc};

/// All pods of a list, and the position from which a watch continues it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodList {
    /// The pods, by namespace and name.
    pub pods: Vec<proto::Pod>,
    /// Revision the list shows.
    pub revision: u64,
    /// Position right after the list, for a watch with the same selector.
    pub resume_token: String,
}

impl Pods {
    /// Lists pods. All pages are fetched; together they show one revision.
    ///
    /// # Errors
    /// `SELECTOR_INVALID` when the selector cannot be parsed.
    pub async fn list(&self, selector: &Selector) -> Result<PodList> {
        self.list_at(selector, 0).await
    }

    /// Lists the pods there were at a revision, as they were; 0 means now.
    ///
    /// # Errors
    /// As [`Pods::list`]; `REVISION_EXPIRED` when that revision is not kept any more.
    pub async fn list_at(&self, selector: &Selector, revision: u64) -> Result<PodList> {
        let mut request = proto::ListPodsRequest {
            selector: Some(self.scoped(selector)),
            revision,
            ..Default::default()
        };
        let mut list = PodList::default();
        loop {
            let page = self.list_page(request.clone()).await?;
            list.pods.extend(page.pods);
            list.revision = page.revision;
            list.resume_token = page.resume_token;
            if page.next_page_token.is_empty() {
                return Ok(list);
            }
            request.page_token = page.next_page_token;
        }
    }

    async fn list_page(&self, request: proto::ListPodsRequest) -> Result<proto::ListPodsResponse> {
        let service = self.service();
        let call = rpc!(service, list_pods);
        self.client.unary(request, call).await
    }
}
