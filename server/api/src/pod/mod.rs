//! The Pod service.

mod create;
mod cuts;
mod delete;
mod events;
mod get;
mod history;
mod list;
mod past;
mod update;
mod wait;
mod watch;

use std::sync::Arc;

use futures::stream::Empty;
use lifepod_lifecycle::{
    Pod,
    id::{PodKey, PodUid, Revision},
};
use lifepod_proto::v1::{self as proto, pod_service_server::PodService};
use tonic::{Request, Response, Status};

pub(crate) use self::{
    cuts::Cuts,
    list::{MAX_PAGE, page_size},
    watch::{Channels, Encoder, PodRoutes},
};
use crate::{
    error::{ApiError, Result},
    identity::actor,
    shared::Shared,
};

/// Serves `lifepod.v1.PodService`.
pub(crate) struct Pods(pub Arc<Shared>);

type Reply<T> = std::result::Result<Response<T>, Status>;

fn reply<T>(result: Result<T>) -> Reply<T> {
    result.map(Response::new).map_err(Status::from)
}

#[tonic::async_trait]
impl PodService for Pods {
    async fn create_pod(
        &self,
        request: Request<proto::CreatePodRequest>,
    ) -> Reply<proto::CreatePodResponse> {
        let actor = actor(request.extensions());
        reply(create::create(&self.0, actor, request.into_inner()).await)
    }

    async fn get_pod(
        &self,
        request: Request<proto::GetPodRequest>,
    ) -> Reply<proto::GetPodResponse> {
        reply(get::get(&self.0, request.get_ref()).await)
    }

    async fn list_pods(
        &self,
        request: Request<proto::ListPodsRequest>,
    ) -> Reply<proto::ListPodsResponse> {
        reply(list::list(&self.0, request.into_inner()).await)
    }

    async fn update_pod(
        &self,
        request: Request<proto::UpdatePodRequest>,
    ) -> Reply<proto::UpdatePodResponse> {
        let actor = actor(request.extensions());
        reply(update::update(&self.0, actor, request.into_inner()).await)
    }

    async fn delete_pod(
        &self,
        request: Request<proto::DeletePodRequest>,
    ) -> Reply<proto::DeletePodResponse> {
        let actor = actor(request.extensions());
        reply(delete::delete(&self.0, actor, request.into_inner()).await)
    }

    type WatchPodsStream = Empty<std::result::Result<proto::WatchPodsResponse, Status>>;

    async fn watch_pods(
        &self,
        _: Request<proto::WatchPodsRequest>,
    ) -> Reply<Self::WatchPodsStream> {
        let what = "`PodRoutes` serves all watches, as bytes";
        reply(Err(ApiError::internal("WatchPods", &what)))
    }

    async fn wait_pod(
        &self,
        request: Request<proto::WaitPodRequest>,
    ) -> Reply<proto::WaitPodResponse> {
        reply(wait::wait(&self.0, request.into_inner()).await)
    }

    async fn list_pod_transitions(
        &self,
        request: Request<proto::ListPodTransitionsRequest>,
    ) -> Reply<proto::ListPodTransitionsResponse> {
        reply(history::list(&self.0, request.into_inner()).await)
    }

    async fn list_pod_events(
        &self,
        request: Request<proto::ListPodEventsRequest>,
    ) -> Reply<proto::ListPodEventsResponse> {
        reply(events::list(&self.0, request.into_inner()).await)
    }
}

/// What must hold of a pod before it is changed.
#[derive(Clone, Debug, Default)]
struct Preconditions {
    uid: Option<PodUid>,
    revision: Option<Revision>,
}

impl Preconditions {
    /// From a request's fields, where empty and 0 mean none.
    fn new(uid: &str, revision: u64) -> Self {
        Self {
            uid: (!uid.is_empty()).then(|| PodUid::from(uid)),
            revision: (revision != 0).then_some(Revision(revision)),
        }
    }

    fn target(&self, key: &PodKey) -> lifepod_engine::Target {
        lifepod_engine::Target {
            key: key.clone(),
            uid: self.uid.clone(),
            revision: self.revision,
        }
    }

    /// Checks them here, for requests that change nothing.
    fn check(&self, pod: &Pod) -> Result<()> {
        let key = &pod.meta.key;
        if let Some(expected) = self.uid.as_ref().filter(|uid| **uid != pod.meta.uid) {
            return Err(ApiError::UidMismatch {
                key: key.clone(),
                expected: expected.clone(),
                actual: pod.meta.uid.clone(),
            });
        }
        match self.revision.filter(|revision| *revision != pod.revision) {
            Some(expected) => Err(ApiError::RevisionMismatch {
                key: key.clone(),
                expected,
                actual: pod.revision,
            }),
            None => Ok(()),
        }
    }
}
