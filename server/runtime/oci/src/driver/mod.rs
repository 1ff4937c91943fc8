//! The embedded runtime as a driver: makes the engine's effects true on this machine.
//!
//! ```text
//! CreateSandbox   directories, shim (namespaces, cgroup), network, pod files
//! EnsureImage     image store, by pull policy
//! StartContainer  snapshot, bundle, shim create+start
//! RunHook/Probe   exec through the shim; HTTP, TCP and gRPC from the host
//! Stop/Kill       signals through the shim; the exit comes as an event of the shim
//! RemoveSandbox   shim shutdown, network, mounts, files
//! ```
//! Blocking file-system work runs on blocking threads. Facts about one container are delivered
//! in order: its start is answered before its exit is told, and the rules cope with the reverse.

mod config;
mod exits;
mod files;
mod handler;
mod image;
mod images_port;
mod instance;
mod layout;
mod logs;
mod messages;
mod places;
mod pods;
mod recover;
mod rounds;
mod sandbox;
mod start;
mod streams;
mod unreached;

use std::{path::PathBuf, sync::Arc};

pub use config::DriverConfig;
use lifepod_lifecycle::{
    effect::{Action, Effect},
    id::PodUid,
    input::Fact,
    port::{BoxFuture, FactSink, KnownPod, Runtime, RuntimeInfo, RuntimeLost},
};
use parking_lot::Mutex;
use thiserror::Error;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    handler::{HttpClient, Of},
    layout::Layout,
    places::Places,
    pods::Pods,
    unreached::Unreached,
};
use crate::{
    bundle::NodeFacts,
    image::{ImageError, ImageStore},
    network::{Network, NetworkError},
};

/// Why the embedded runtime cannot work on this machine.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The image store cannot be opened.
    #[error("cannot open the image store")]
    Images(#[from] ImageError),
    /// The network cannot be set up.
    #[error("cannot set up the pods' network")]
    Network(#[from] NetworkError),
    /// There can be no HTTP client for probes and hooks.
    #[error("cannot make an HTTP client")]
    Http(#[from] reqwest::Error),
    /// The shim's program is missing.
    #[error("cannot find the shim at `{path}`")]
    Shim {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A directory cannot be made.
    #[error("cannot use the data directory `{path}`")]
    Data {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// The embedded OCI runtime.
pub struct OciDriver {
    inner: Arc<Inner>,
}

struct Inner {
    config: DriverConfig,
    layout: Layout,
    node: NodeFacts,
    images: ImageStore,
    network: Network,
    http: HttpClient,
    pods: Pods,
    unreached: Unreached,
    places: Places,
    sink: Mutex<Option<Arc<dyn FactSink>>>,
    tasks: TaskTracker,
    /// Ends the rounds.
    ended: CancellationToken,
}

impl OciDriver {
    /// Opens the image store and the network. Nothing of any pod is touched before
    /// [`Runtime::recover`].
    ///
    /// # Errors
    /// [`OpenError`], naming what this machine lacks.
    pub fn open(config: DriverConfig) -> Result<Self, OpenError> {
        if !config.shim.is_file() {
            return Err(OpenError::Shim { path: config.shim });
        }
        let layout = Layout::new(config.data_dir.clone());
        // Environments of containers are in there: nobody else's business.
        for path in [layout.pods(), layout.all_logs()] {
            private_dir(&path).map_err(|source| OpenError::Data { path, source })?;
        }
        let images = ImageStore::open(config.data_dir.join("images"), config.registries.clone())?;
        let network = Network::open(&config.network)?;
        let http = HttpClient::new()?;
        let node = config.node_facts();
        let (pods, sink, tasks) = (Pods::default(), Mutex::default(), TaskTracker::new());
        let inner = Inner {
            config,
            layout,
            node,
            images,
            network,
            http,
            pods,
            unreached: Unreached::default(),
            places: Places::new(),
            sink,
            tasks,
            ended: CancellationToken::new(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }
}

impl Runtime for OciDriver {
    fn info(&self) -> RuntimeInfo {
        RuntimeInfo {
            name: "lifepod".into(),
            version: env!("CARGO_PKG_VERSION").into(),
        }
    }

    fn recover(
        &self,
        known: Vec<KnownPod>,
        sink: Arc<dyn FactSink>,
    ) -> BoxFuture<'_, Result<Vec<(PodUid, Fact)>, RuntimeLost>> {
        *self.inner.sink.lock() = Some(sink);
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            let facts = recover::recover(&inner, known).await;
            let ended = inner.ended.clone();
            inner.tasks.spawn(rounds::go(Arc::clone(&inner), ended));
            Ok(facts)
        })
    }

    fn perform(&self, effect: Effect) -> BoxFuture<'_, Option<Fact>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move { inner.perform(effect).await })
    }

    fn detach(&self) -> BoxFuture<'_, ()> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            inner.ended.cancel();
            inner.pods.detach_all();
            inner.tasks.close();
            inner.tasks.wait().await;
        })
    }
}

impl Inner {
    async fn perform(self: &Arc<Self>, effect: Effect) -> Option<Fact> {
        let Effect { pod, op, action } = effect;
        if !matches!(action, Action::RemoveSandbox { .. } | Action::PurgePod) {
            self.unreached.reached(&pod.uid).await;
        }
        match action {
            Action::CreateSandbox { attempt } => {
                let work = sandbox::create(self, &pod, op, attempt);
                Some(self.places.take(work).await)
            }
            Action::EnsureImage { container } => {
                Some(image::ensure(self, &pod, op, &container).await)
            }
            Action::StartContainer {
                container,
                attempt,
                image_id,
            } => {
                let work = start::start(self, &pod, op, &container, attempt, &image_id);
                Some(self.places.take(work).await)
            }
            Action::RunHook {
                container,
                container_id,
                handler,
                ..
            } => {
                let of = Of {
                    pod: &pod,
                    container: &container,
                    container_id: &container_id,
                };
                let outcome = handler::hook(self, of, &handler).await;
                Some(Fact::HookFinished { op, outcome })
            }
            Action::RunProbe {
                container,
                container_id,
                handler,
                timeout,
                ..
            } => {
                let of = Of {
                    pod: &pod,
                    container: &container,
                    container_id: &container_id,
                };
                let outcome = handler::probe(self, of, &handler, timeout).await;
                Some(Fact::ProbeFinished { op, outcome })
            }
            Action::StopContainer {
                container,
                attempt,
                container_id,
            } => {
                start::stop(self, &pod, &container, attempt, &container_id).await;
                None
            }
            Action::KillContainer { container_id, .. } => {
                start::kill(self, &pod, &container_id).await;
                None
            }
            Action::RemoveSandbox { purge } => Some(sandbox::remove(self, &pod, op, purge).await),
            Action::PurgePod => Some(sandbox::purge(self, &pod, op).await),
        }
    }

    async fn tell(&self, uid: &PodUid, fact: Fact) {
        let sink = self.sink.lock().clone();
        if let Some(sink) = sink {
            sink.deliver(uid.clone(), fact).await;
        }
    }
}

/// A directory that only we may look into.
fn private_dir(path: &std::path::Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::create_dir_all(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))
}

/// Runs blocking work on a blocking thread; a panic there is an error here.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(std::io::Error::other(error)))
}
