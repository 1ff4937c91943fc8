//! A server for tests: each RPC answers what the test has put there for it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
#![allow(dead_code, reason = "every test uses another part")]

use std::{
    collections::{HashMap, VecDeque},
    pin::Pin,
    sync::{Arc, Mutex},
};

use futures::{Stream, StreamExt, stream};
use lifepod_client::{
    Client, RetryPolicy,
    proto::{
        self,
        exec_service_server::{ExecService, ExecServiceServer},
        image_service_server::{ImageService, ImageServiceServer},
        log_service_server::{LogService, LogServiceServer},
        pod_service_server::{PodService, PodServiceServer},
    },
    reasons,
};
use tokio::net::UnixListener;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::{Code, Request, Response, Status, Streaming, transport::Server};
use tonic_types::{ErrorDetails, StatusExt};

pub(crate) type Frames<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// What is to be answered, and what was asked.
#[derive(Default)]
pub(crate) struct Script {
    /// Pods to be read and listed.
    pub(crate) pods: Vec<proto::Pod>,
    pub(crate) deletes: VecDeque<Result<proto::DeletePodResponse, Status>>,
    pub(crate) deleted: Vec<proto::DeletePodRequest>,
    pub(crate) creates: VecDeque<Result<proto::CreatePodResponse, Status>>,
    pub(crate) created: Vec<proto::CreatePodRequest>,
    pub(crate) pages: VecDeque<proto::ListPodsResponse>,
    pub(crate) listed: Vec<proto::ListPodsRequest>,
    pub(crate) watches: VecDeque<Vec<Result<proto::WatchPodsResponse, Status>>>,
    pub(crate) watched: Vec<proto::WatchPodsRequest>,
    pub(crate) waits: VecDeque<proto::WaitPodResponse>,
    pub(crate) waited: Vec<proto::WaitPodRequest>,
    pub(crate) execs: VecDeque<Vec<Result<proto::ExecResponse, Status>>>,
    pub(crate) logs: VecDeque<Vec<Result<proto::ReadLogsResponse, Status>>>,
    pub(crate) logs_read: Vec<proto::ReadLogsRequest>,
    pub(crate) removals: VecDeque<Result<proto::RemoveImageResponse, Status>>,
    pub(crate) removed: Vec<proto::RemoveImageRequest>,
}

#[derive(Clone, Default)]
pub(crate) struct Mock {
    pub(crate) script: Arc<Mutex<Script>>,
}

/// A running mock and a client of it.
pub(crate) struct Setup {
    pub(crate) mock: Mock,
    pub(crate) client: Client,
    pub(crate) endpoint: String,
    _directory: tempfile::TempDir,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Setup {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Setup {
    pub(crate) async fn new(script: Script) -> Self {
        let mock = Mock {
            script: Arc::new(Mutex::new(script)),
        };
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("mock.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let router = Server::builder()
            .add_service(PodServiceServer::new(mock.clone()))
            .add_service(ExecServiceServer::new(mock.clone()))
            .add_service(LogServiceServer::new(mock.clone()))
            .add_service(ImageServiceServer::new(mock.clone()));
        let server = tokio::spawn(async move {
            let incoming = UnixListenerStream::new(listener);
            router.serve_with_incoming(incoming).await.unwrap();
        });
        let endpoint = format!("unix://{}", socket.display());
        let retry = RetryPolicy {
            max_attempts: 4,
            initial: std::time::Duration::from_millis(1),
            max: std::time::Duration::from_millis(2),
        };
        let client = Client::builder(endpoint.parse().unwrap())
            .retry(retry)
            .connect()
            .await
            .unwrap();
        Self {
            mock,
            client,
            endpoint,
            _directory: directory,
            server,
        }
    }
}

/// A status as Lifepod sends it.
pub(crate) fn status(code: Code, reason: &str) -> Status {
    status_about(code, reason, &[])
}

/// A status as Lifepod sends it, with metadata.
pub(crate) fn status_about(code: Code, reason: &str, metadata: &[(&str, &str)]) -> Status {
    let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    let metadata: HashMap<String, String> = metadata.iter().map(pair).collect();
    let mut details = ErrorDetails::new();
    details.set_error_info(reason, reasons::DOMAIN, metadata);
    Status::with_error_details(code, reason.to_lowercase(), details)
}

pub(crate) fn named(name: &str) -> proto::Pod {
    proto::Pod {
        metadata: Some(proto::ObjectMeta {
            name: name.to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn replay<T: Send + 'static>(frames: Vec<Result<T, Status>>) -> Response<Frames<T>> {
    Response::new(Box::pin(stream::iter(frames)))
}

fn unscripted() -> Status {
    Status::internal("the script has no answer for this")
}

#[tonic::async_trait]
impl PodService for Mock {
    async fn create_pod(
        &self,
        request: Request<proto::CreatePodRequest>,
    ) -> Result<Response<proto::CreatePodResponse>, Status> {
        let mut script = self.script.lock().unwrap();
        script.created.push(request.into_inner());
        script
            .creates
            .pop_front()
            .ok_or_else(unscripted)?
            .map(Response::new)
    }

    async fn get_pod(
        &self,
        request: Request<proto::GetPodRequest>,
    ) -> Result<Response<proto::GetPodResponse>, Status> {
        let name = request.into_inner().name;
        let script = self.script.lock().unwrap();
        let named = |pod: &&proto::Pod| {
            pod.metadata
                .as_ref()
                .is_some_and(|metadata| metadata.name == name)
        };
        match script.pods.iter().find(named) {
            Some(pod) => Ok(Response::new(proto::GetPodResponse {
                pod: Some(pod.clone()),
                ..Default::default()
            })),
            None => Err(status_about(
                Code::NotFound,
                reasons::POD_NOT_FOUND,
                &[("name", &name)],
            )),
        }
    }

    async fn list_pods(
        &self,
        request: Request<proto::ListPodsRequest>,
    ) -> Result<Response<proto::ListPodsResponse>, Status> {
        let mut script = self.script.lock().unwrap();
        script.listed.push(request.into_inner());
        let page = script
            .pages
            .pop_front()
            .unwrap_or_else(|| proto::ListPodsResponse {
                pods: script.pods.clone(),
                ..Default::default()
            });
        Ok(Response::new(page))
    }

    async fn update_pod(
        &self,
        _: Request<proto::UpdatePodRequest>,
    ) -> Result<Response<proto::UpdatePodResponse>, Status> {
        Err(status(Code::Aborted, reasons::REVISION_MISMATCH))
    }

    async fn delete_pod(
        &self,
        request: Request<proto::DeletePodRequest>,
    ) -> Result<Response<proto::DeletePodResponse>, Status> {
        let mut script = self.script.lock().unwrap();
        script.deleted.push(request.into_inner());
        let answer = script.deletes.pop_front().ok_or_else(unscripted)?;
        answer.map(Response::new)
    }

    type WatchPodsStream = Frames<proto::WatchPodsResponse>;

    async fn watch_pods(
        &self,
        request: Request<proto::WatchPodsRequest>,
    ) -> Result<Response<Self::WatchPodsStream>, Status> {
        let mut script = self.script.lock().unwrap();
        script.watched.push(request.into_inner());
        match script.watches.pop_front() {
            Some(frames) => Ok(replay(frames)),
            // The last watch stays open.
            None => Ok(Response::new(Box::pin(stream::pending().boxed()))),
        }
    }

    async fn wait_pod(
        &self,
        request: Request<proto::WaitPodRequest>,
    ) -> Result<Response<proto::WaitPodResponse>, Status> {
        let mut script = self.script.lock().unwrap();
        script.waited.push(request.into_inner());
        script
            .waits
            .pop_front()
            .ok_or_else(unscripted)
            .map(Response::new)
    }

    async fn list_pod_transitions(
        &self,
        _: Request<proto::ListPodTransitionsRequest>,
    ) -> Result<Response<proto::ListPodTransitionsResponse>, Status> {
        Err(unscripted())
    }

    async fn list_pod_events(
        &self,
        _: Request<proto::ListPodEventsRequest>,
    ) -> Result<Response<proto::ListPodEventsResponse>, Status> {
        Err(unscripted())
    }
}

#[tonic::async_trait]
impl ExecService for Mock {
    type ExecStream = Frames<proto::ExecResponse>;

    async fn exec(
        &self,
        _: Request<Streaming<proto::ExecRequest>>,
    ) -> Result<Response<Self::ExecStream>, Status> {
        let frames = self.script.lock().unwrap().execs.pop_front();
        frames.map(replay).ok_or_else(unscripted)
    }
}

#[tonic::async_trait]
impl LogService for Mock {
    type ReadLogsStream = Frames<proto::ReadLogsResponse>;

    async fn read_logs(
        &self,
        request: Request<proto::ReadLogsRequest>,
    ) -> Result<Response<Self::ReadLogsStream>, Status> {
        let mut script = self.script.lock().unwrap();
        script.logs_read.push(request.into_inner());
        script.logs.pop_front().map(replay).ok_or_else(unscripted)
    }
}

#[tonic::async_trait]
impl ImageService for Mock {
    type PullImageStream = Frames<proto::PullImageResponse>;

    async fn pull_image(
        &self,
        _: Request<proto::PullImageRequest>,
    ) -> Result<Response<Self::PullImageStream>, Status> {
        Err(unscripted())
    }

    async fn load_image(
        &self,
        _: Request<Streaming<proto::LoadImageRequest>>,
    ) -> Result<Response<proto::LoadImageResponse>, Status> {
        Err(unscripted())
    }

    async fn list_images(
        &self,
        _: Request<proto::ListImagesRequest>,
    ) -> Result<Response<proto::ListImagesResponse>, Status> {
        Err(unscripted())
    }

    async fn get_image(
        &self,
        _: Request<proto::GetImageRequest>,
    ) -> Result<Response<proto::GetImageResponse>, Status> {
        Err(unscripted())
    }

    async fn remove_image(
        &self,
        request: Request<proto::RemoveImageRequest>,
    ) -> Result<Response<proto::RemoveImageResponse>, Status> {
        let mut script = self.script.lock().unwrap();
        script.removed.push(request.into_inner());
        let answer = script.removals.pop_front().ok_or_else(unscripted)?;
        answer.map(Response::new)
    }
}
