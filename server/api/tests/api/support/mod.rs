//! A server in memory: real engine, real gRPC over a pipe, scripted runtime.

pub(crate) mod images;
pub(crate) mod journal;
pub(crate) mod runtime;
mod streams;

use std::{future::Future, sync::Arc, time::Duration};

use hyper_util::rt::TokioIo;
use lifepod_api::{About, Api, ApiConfig, Limits};
use lifepod_engine::{Engine, EngineConfig, EngineHandle};
use lifepod_lifecycle::id::{PodKey, PodUid};
use lifepod_proto::v1::{
    self as proto, exec_service_client::ExecServiceClient,
    image_service_client::ImageServiceClient, log_service_client::LogServiceClient,
    pod_service_client::PodServiceClient, system_service_client::SystemServiceClient,
};
use tokio::{io::DuplexStream, sync::mpsc, task::JoinHandle};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint, Uri},
};
use tonic_types::{ErrorDetails, StatusExt};

use self::{journal::MemoryJournal, runtime::TestRuntime};

const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) struct Server {
    pub api: Option<Api>,
    pub engine: Option<Engine>,
    pub handle: EngineHandle,
    pub runtime: Arc<TestRuntime>,
    pub journal: MemoryJournal,
    pub channel: Channel,
    pub dir: tempfile::TempDir,
    serving: JoinHandle<()>,
}

/// Fails instead of hanging.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, what).await.expect("in time")
}

/// Waits until something holds.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let end = tokio::time::Instant::now() + DEADLINE;
    while !holds().await {
        assert!(
            tokio::time::Instant::now() < end,
            "{what} did not come true"
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(Limits::default(), MemoryJournal::default()).await
    }

    pub(crate) async fn with(limits: Limits, journal: MemoryJournal) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let runtime = Arc::new(TestRuntime::new(dir.path().join("logs")));
        Self::on(limits, journal, runtime, dir).await
    }

    pub(crate) async fn on(
        limits: Limits,
        journal: MemoryJournal,
        runtime: Arc<TestRuntime>,
        dir: tempfile::TempDir,
    ) -> Self {
        let config = EngineConfig {
            node: "node-1".into(),
            tail: 16,
            command_lane: limits.queued_mutations,
            store_retry: Duration::from_millis(5),
            ..EngineConfig::default()
        };
        let driver = Arc::clone(&runtime) as _;
        let engine = Engine::start(config, Box::new(journal.clone()), driver, None)
            .await
            .expect("the engine starts");
        let about = About {
            version: "1.2.3".to_owned(),
            node_ips: vec!["192.0.2.1".parse().expect("an address")],
            runtime: "oci".to_owned(),
            ..About::default()
        };
        let config = ApiConfig {
            limits,
            about,
            upload_dir: dir.path().join("uploads"),
            stepping: None,
        };
        let images = Arc::clone(&runtime) as _;
        let streams = Arc::clone(&runtime) as _;
        let api = Api::new(engine.handle(), images, streams, config);
        let (connections, incoming) = mpsc::channel::<std::io::Result<DuplexStream>>(8);
        let router = api.router();
        let serving = tokio::spawn(async move {
            let incoming = ReceiverStream::new(incoming);
            router.serve_with_incoming(incoming).await.expect("serves");
        });
        Self {
            handle: engine.handle(),
            api: Some(api),
            engine: Some(engine),
            runtime,
            journal,
            channel: channel(connections).await,
            dir,
            serving,
        }
    }

    pub(crate) fn pods(&self) -> PodServiceClient<Channel> {
        PodServiceClient::new(self.channel.clone())
    }

    pub(crate) fn execs(&self) -> ExecServiceClient<Channel> {
        ExecServiceClient::new(self.channel.clone())
    }

    pub(crate) fn logs(&self) -> LogServiceClient<Channel> {
        LogServiceClient::new(self.channel.clone())
    }

    pub(crate) fn images(&self) -> ImageServiceClient<Channel> {
        ImageServiceClient::new(self.channel.clone())
    }

    pub(crate) fn system(&self) -> SystemServiceClient<Channel> {
        SystemServiceClient::new(self.channel.clone())
    }

    /// Creates a pod with one container `c` and waits until it runs.
    pub(crate) async fn running(&self, name: &str) -> PodUid {
        self.create(pod(name)).await;
        self.phase(name, "Running").await
    }

    pub(crate) async fn create(&self, pod: proto::Pod) -> proto::CreatePodResponse {
        let request = proto::CreatePodRequest {
            pod: Some(pod),
            ..proto::CreatePodRequest::default()
        };
        let created = soon(self.pods().create_pod(request)).await;
        created.expect("created").into_inner()
    }

    /// Waits for a phase, answers the pod's uid.
    pub(crate) async fn phase(&self, name: &str, phase: &str) -> PodUid {
        let key = PodKey::new("default", name);
        eventually(&format!("{name} {phase}"), async || {
            let pod = self.handle.get(&key);
            pod.is_some_and(|pod| pod.state().observed.phase.as_str() == phase)
        })
        .await;
        let pod = self.handle.get(&key).expect("it is there");
        pod.meta.uid.clone()
    }

    /// Goes down in order and hands over what a next server needs.
    pub(crate) async fn stop(mut self) -> (MemoryJournal, Arc<TestRuntime>, tempfile::TempDir) {
        if let Some(api) = self.api.take() {
            soon(api.shutdown()).await;
        }
        if let Some(engine) = self.engine.take() {
            soon(engine.shutdown()).await;
        }
        self.serving.abort();
        (self.journal, self.runtime, self.dir)
    }
}

async fn channel(connections: mpsc::Sender<std::io::Result<DuplexStream>>) -> Channel {
    let connector = tower::service_fn(move |_: Uri| {
        let connections = connections.clone();
        async move {
            let (client, server) = tokio::io::duplex(64 << 10);
            let sent = connections.send(Ok(server)).await;
            sent.map_err(|_| std::io::Error::other("no server"))?;
            Ok::<_, std::io::Error>(TokioIo::new(client))
        }
    });
    let endpoint = Endpoint::from_static("http://memory");
    endpoint
        .connect_with_connector(connector)
        .await
        .expect("connects")
}

/// A pod with one container `c` that never restarts.
pub(crate) fn pod(name: &str) -> proto::Pod {
    proto::Pod {
        metadata: Some(proto::ObjectMeta {
            name: name.to_owned(),
            ..proto::ObjectMeta::default()
        }),
        spec: Some(proto::PodSpec {
            containers: vec![container("c")],
            restart_policy: proto::RestartPolicy::Never.into(),
            ..proto::PodSpec::default()
        }),
        status: None,
    }
}

pub(crate) fn container(name: &str) -> proto::Container {
    proto::Container {
        name: name.to_owned(),
        image: "app:1".to_owned(),
        ..proto::Container::default()
    }
}

pub(crate) fn with_labels(mut pod: proto::Pod, labels: &[(&str, &str)]) -> proto::Pod {
    let owned = labels.iter().map(|(k, v)| ((*k).into(), (*v).into()));
    if let Some(meta) = &mut pod.metadata {
        meta.labels = owned.collect();
    }
    pod
}

/// A call that must fail: the status's code and reason, and all details.
pub(crate) fn failure<T: std::fmt::Debug>(
    result: Result<T, Status>,
) -> (Code, String, ErrorDetails) {
    let status = result.expect_err("it fails");
    let details = status.get_error_details();
    let info = details
        .error_info()
        .expect("every failure has an ErrorInfo");
    assert_eq!(info.domain, "lifepod.dev");
    (status.code(), info.reason.clone(), details)
}

/// Metadata of a failure.
pub(crate) fn metadata(details: &ErrorDetails, key: &str) -> String {
    let info = details.error_info().expect("there is one");
    info.metadata.get(key).cloned().unwrap_or_default()
}
