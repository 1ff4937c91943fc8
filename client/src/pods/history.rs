//! What has become of pods: transitions and events.

use lifepod_proto::v1 as proto;

use super::{Pods, Selector};
use crate::{Result, call::rpc};

/// Which recorded transitions are wanted. The default is all that are kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TransitionFilter {
    /// Which pods, by name or uid. Pods that are gone are included.
    pub selector: Selector,
    /// From this revision on, inclusive; 0 means the oldest kept.
    pub from_revision: u64,
    /// Up to this revision, inclusive; 0 means the newest.
    pub to_revision: u64,
    /// Only these kinds of subject, for example `container`. Empty means all.
    pub subjects: Vec<String>,
    /// Only this container.
    pub container: String,
}

impl Pods {
    /// Lists recorded transitions, oldest first. All pages are fetched.
    ///
    /// # Errors
    /// `REVISION_EXPIRED` when `from_revision` is not kept any more.
    pub async fn transitions(&self, filter: TransitionFilter) -> Result<Vec<proto::Transition>> {
        let mut request = proto::ListPodTransitionsRequest {
            selector: Some(self.scoped(&filter.selector)),
            from_revision: filter.from_revision,
            to_revision: filter.to_revision,
            subjects: filter.subjects,
            container: filter.container,
            ..Default::default()
        };
        let mut transitions = Vec::new();
        let service = self.service();
        loop {
            let call = rpc!(service, list_pod_transitions);
            let page = self.client.unary(request.clone(), call).await?;
            transitions.extend(page.transitions);
            if page.next_page_token.is_empty() {
                return Ok(transitions);
            }
            request.page_token = page.next_page_token;
        }
    }

    /// Lists events, by last time. All pages are fetched.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn events(&self, selector: &Selector) -> Result<Vec<proto::Event>> {
        let mut request = proto::ListPodEventsRequest {
            selector: Some(self.scoped(selector)),
            ..Default::default()
        };
        let mut events = Vec::new();
        let service = self.service();
        loop {
            let call = rpc!(service, list_pod_events);
            let page = self.client.unary(request.clone(), call).await?;
            events.extend(page.events);
            if page.next_page_token.is_empty() {
                return Ok(events);
            }
            request.page_token = page.next_page_token;
        }
    }
}
