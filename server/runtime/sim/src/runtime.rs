//! The runtime port on the simulated world.
//!
//! Every live instance is one task that sleeps on the clock. The tasks are owned by the tracker
//! of [`Shared`] and end with [`Runtime::detach`]. An operation that is dropped has changed
//! nothing yet: whatever it changes, it changes after its last await.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use lifepod_lifecycle::{
    effect::{Action, Effect, PodRef},
    id::{OpId, PodUid},
    input::Fact,
    port::{BoxFuture, FactSink, KnownPod, Runtime, RuntimeInfo, RuntimeLost},
    time::Timestamp,
};
use parking_lot::Mutex;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    SimClock, containers, faults, handlers, images,
    images::Library,
    log,
    process::Signal,
    records::Records,
    script,
    world::{Sandbox, Slot, World},
};

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

    /// Neither begins nor answers while the pod cannot be reached.
    async fn perform(self: &Arc<Self>, effect: Effect) -> Option<Fact> {
        let uid = effect.pod.uid.clone();
        faults::reach(self, &uid).await;
        let fact = self.carry_out(effect).await;
        faults::reach(self, &uid).await;
        fact
    }

    async fn carry_out(self: &Arc<Self>, effect: Effect) -> Option<Fact> {
        let Effect { pod, op, action } = effect;
        match action {
            Action::CreateSandbox { attempt } => Some(self.create_sandbox(&pod, op, attempt).await),
            Action::EnsureImage { container } => {
                Some(images::ensure(self, &pod, op, &container).await)
            }
            Action::StartContainer {
                container,
                attempt,
                image_id,
            } => Some(containers::start(self, &pod, op, (container, attempt), image_id).await),
            Action::RunHook {
                container,
                attempt,
                hook,
                handler,
                ..
            } => {
                let slot = (container, attempt);
                let outcome = handlers::hook(self, &pod.uid, &slot, hook, &handler).await;
                Some(Fact::HookFinished { op, outcome })
            }
            Action::RunProbe {
                container,
                attempt,
                probe,
                handler,
                timeout,
                ..
            } => {
                let attempt = handlers::Attempt {
                    slot: (container, attempt),
                    probe,
                    handler,
                    timeout,
                };
                let outcome = handlers::probe(self, &pod, &attempt).await;
                Some(Fact::ProbeFinished { op, outcome })
            }
            Action::StopContainer {
                container, attempt, ..
            } => {
                let signal = Signal::Term(self.clock.now());
                self.signal(&pod.uid, &(container, attempt), signal)
            }
            Action::KillContainer {
                container, attempt, ..
            } => {
                let signal = Signal::Kill(self.clock.now());
                self.signal(&pod.uid, &(container, attempt), signal)
            }
            Action::RemoveSandbox { purge } => Some(self.remove_sandbox(&pod, op, purge)),
            Action::PurgePod => Some(match self.purge(&pod) {
                Ok(()) => Fact::PodPurged { op },
                Err(message) => Fact::CleanupFailed { op, message },
            }),
        }
    }

    async fn create_sandbox(self: &Arc<Self>, pod: &PodRef, op: OpId, attempt: u32) -> Fact {
        let failed = |message| Fact::SandboxFailed { op, message };
        let contact = script::contact(pod, self.seed).map(drop);
        let script = match contact.and_then(|()| script::sandbox(pod, self.seed)) {
            Ok(script) => script,
            Err(error) => return failed(error.to_string()),
        };
        let known = |s: &mut Sandbox| (s.attempt == attempt).then(|| s.ips.clone());
        if let Some(ips) = self.world.lock().sandbox(&pod.uid).and_then(known) {
            return Fact::SandboxReady { op, ips };
        }
        self.clock
            .sleep_until(self.clock.now() + script.takes)
            .await;
        let mut world = self.world.lock();
        let try_number = world.count(&pod.uid, "sandbox".to_owned());
        if try_number <= script.failures {
            return failed(format!("attempt {try_number} fails by its script"));
        }
        let now = self.clock.now();
        match world.create_sandbox(&pod.uid, attempt, pod.spec.host_network, now) {
            Some(ips) => {
                faults::plan(self, pod, attempt, now);
                Fact::SandboxReady { op, ips }
            }
            None => failed("no address is left".to_owned()),
        }
    }

    /// No answer: the exit is the answer. A repeated signal keeps the time of the first.
    fn signal(&self, pod: &PodUid, slot: &Slot, signal: Signal) -> Option<Fact> {
        let mut world = self.world.lock();
        let instance = world.running(pod, slot)?;
        let changed = instance.signals.send_if_modified(|sent| {
            let stronger =
                std::mem::discriminant(sent) != std::mem::discriminant(&signal) && signal > *sent;
            if stronger {
                *sent = signal;
            }
            stronger
        });
        if changed {
            world.keep(pod, self.clock.now());
        }
        None
    }

    /// The last client has closed the standard input of a process.
    pub(crate) fn end_input(&self, pod: &PodUid, slot: &Slot) {
        let signal = Signal::Input(self.clock.now());
        self.signal(pod, slot, signal);
    }

    fn remove_sandbox(&self, pod: &PodRef, op: OpId, purge: bool) -> Fact {
        {
            let mut world = self.world.lock();
            world.remove_sandbox(&pod.uid);
            world.keep(&pod.uid, self.clock.now());
        }
        match if purge { self.purge(pod) } else { Ok(()) } {
            Ok(()) => Fact::SandboxRemoved { op, purged: purge },
            Err(message) => Fact::CleanupFailed { op, message },
        }
    }

    fn purge(&self, pod: &PodRef) -> Result<(), String> {
        let directory = log::directory(&self.log_root, pod);
        log::remove(&directory)
            .map_err(|error| format!("cannot remove `{}`: {error}", directory.display()))?;
        let mut world = self.world.lock();
        world.remove_sandbox(&pod.uid);
        world.pods.remove(&pod.uid);
        world.keep(&pod.uid, self.clock.now());
        Ok(())
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
