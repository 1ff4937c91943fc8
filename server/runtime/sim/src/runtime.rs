//! The runtime port on the simulated world.
//!
//! Every live instance is one task that sleeps on the clock. The tasks are owned by the tracker
//! of [`Shared`] and end with [`Runtime::detach`].

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use lifepod_lifecycle::{
    effect::{Effect, PodRef},
    id::PodUid,
    input::Fact,
    port::{BoxFuture, FactSink, KnownPod, Runtime, RuntimeInfo, RuntimeLost},
    time::Timestamp,
};
use parking_lot::Mutex;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{SimClock, containers, faults, images::Library, log, records::Records, world::World};

/// Settings of a simulation.
#[derive(Clone, Debug)]
pub struct SimConfig {
    /// Time; the engine's too.
    pub clock: SimClock,
    /// Decides the times that scripts leave open.
    pub seed: u64,
    /// Directory of the log files, one directory per pod in it. Made when first needed;
    /// directories of pods that the engine does not know are removed at recovery.
    pub log_root: PathBuf,
    /// Directory in which the pods are written down, so that they outlive the process; none to
    /// let them end with it.
    pub state: Option<PathBuf>,
}

/// A runtime in which nothing runs; see the crate's documentation.
pub struct SimRuntime {
    pub(crate) shared: Arc<Shared>,
}

/// What operations and processes share.
pub(crate) struct Shared {
    pub(crate) clock: SimClock,
    pub(crate) seed: u64,
    pub(crate) log_root: PathBuf,
    pub(crate) world: Mutex<World>,
    pub(crate) library: Mutex<Library>,
    records: Option<Records>,
    /// The processes of the loaded pods are not alive yet.
    asleep: Mutex<bool>,
    sink: Mutex<Option<Arc<dyn FactSink>>>,
    pub(crate) processes: TaskTracker,
    pub(crate) detached: CancellationToken,
}

impl Shared {
    /// Tells the engine, if there is one: what it does not hear now it learns at recovery.
    pub(crate) async fn deliver(&self, pod: &PodUid, fact: Fact) {
        let sink = self.sink.lock().clone();
        if let Some(sink) = sink {
            sink.deliver(pod.clone(), fact).await;
        }
    }

    /// Writes down what is in the image store, after a change.
    pub(crate) fn keep_images(&self, library: &Library) {
        if let Some(records) = &self.records {
            records.keep_images(&library.kept());
        }
    }

    /// Lets go of what belongs to nobody, tells what there is of the rest.
    fn recover(self: &Arc<Self>, known: &[KnownPod]) -> Result<Vec<(PodUid, Fact)>, RuntimeLost> {
        let mut world = self.world.lock();
        let strays: Vec<_> = world
            .pods
            .keys()
            .filter(|uid| known.iter().all(|k| k.pod.uid != **uid))
            .cloned()
            .collect();
        for uid in strays {
            tracing::info!(pod.uid = %uid, "removed a pod that the engine does not know");
            world.remove_sandbox(&uid);
            world.pods.remove(&uid);
            world.keep(&uid, self.clock.now());
        }
        let directories: Vec<_> = known
            .iter()
            .map(|k| log::directory(&self.log_root, &k.pod))
            .collect();
        log::keep_only(&self.log_root, &directories).map_err(|error| RuntimeLost {
            message: format!("log directory `{}`: {error}", self.log_root.display()),
        })?;
        if std::mem::take(&mut *self.asleep.lock()) {
            for k in known {
                self.wake(&mut world, &k.pod);
            }
        }
        let facts = known.iter().map(|k| {
            let uid = k.pod.uid.clone();
            let fact = world.recovered(&uid);
            (uid, fact)
        });
        Ok(facts.collect())
    }

    /// Goes on with a pod that was loaded.
    fn wake(self: &Arc<Self>, world: &mut World, pod: &PodRef) {
        containers::adopt(self, world, &pod.uid);
        world.keep(&pod.uid, self.clock.now());
        if let Some(sandbox) = world.sandbox(&pod.uid) {
            faults::plan(self, pod, sandbox.attempt, sandbox.made_at);
        }
    }
}

impl SimRuntime {
    /// The world that was written down, or an empty one.
    ///
    /// # Errors
    /// If the directory of [`SimConfig::state`] cannot be used.
    pub fn open(config: SimConfig) -> io::Result<Self> {
        let records = config.state.as_deref().map(Records::open).transpose()?;
        let mut world = World::default();
        let mut library = Library::default();
        if let Some(records) = &records {
            world.load(records.pods()?);
            library.load(records.images()?.unwrap_or_default());
        }
        world.records.clone_from(&records);
        let shared = Shared {
            clock: config.clock,
            seed: config.seed,
            log_root: config.log_root,
            asleep: Mutex::new(records.is_some()),
            records,
            world: Mutex::new(world),
            library: Mutex::new(library),
            sink: Mutex::default(),
            processes: TaskTracker::new(),
            detached: CancellationToken::new(),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// The newest time that a simulation wrote down in a directory: the next one over it must not
    /// begin earlier.
    #[must_use]
    pub fn newest_time(state: &Path) -> Option<Timestamp> {
        Records::open(state).ok()?.time()
    }

    /// Writes the time down, for [`SimRuntime::newest_time`].
    pub fn keep_time(&self) {
        if let Some(records) = &self.shared.records {
            records.keep_time(self.shared.clock.now());
        }
    }
}

impl Runtime for SimRuntime {
    fn info(&self) -> RuntimeInfo {
        RuntimeInfo {
            name: "sim".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    fn recover(
        &self,
        known: Vec<KnownPod>,
        sink: Arc<dyn FactSink>,
    ) -> BoxFuture<'_, Result<Vec<(PodUid, Fact)>, RuntimeLost>> {
        Box::pin(async move {
            // First: what was due already happens as soon as a pod is woken.
            *self.shared.sink.lock() = Some(sink);
            self.shared.recover(&known)
        })
    }

    fn perform(&self, effect: Effect) -> BoxFuture<'_, Option<Fact>> {
        Box::pin(self.shared.perform(effect))
    }

    /// Ends every simulated process without a word: nothing of it could outlive this process.
    fn detach(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            // The next simulation goes on from here, whether or not anything changed lately.
            self.keep_time();
            self.shared.detached.cancel();
            self.shared.processes.close();
            self.shared.processes.wait().await;
            *self.shared.sink.lock() = None;
        })
    }
}
