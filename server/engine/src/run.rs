//! Start, the loop, stop.

use std::{io, sync::Arc, thread};

use lifepod_lifecycle::{
    Pod,
    effect::Effect,
    id::PodUid,
    input::Fact,
    port::{Journal, KnownPod, Loaded, Runtime, RuntimeLost, StoreError},
    time::Timestamp,
};
use thiserror::Error;
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until, timeout_at},
};

use crate::{
    clock::{Clock, SystemClock},
    config::{EngineConfig, Placement},
    dispatch::{Dispatcher, Sink},
    handle::EngineHandle,
    inbox::{Command, Report},
    log::WatchLog,
    publish::Published,
    requests::Requests,
    table::Table,
    timers::Timers,
    turn::{Core, Inputs, Pending},
};

/// Why the engine did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The runtime cannot be reached.
    #[error(transparent)]
    Runtime(#[from] RuntimeLost),
    /// The loop ended before it was ready.
    #[error("the engine died at its start")]
    Died,
    /// No thread.
    #[error("cannot start the engine's thread")]
    Thread(#[source] io::Error),
}

/// A running engine.
pub struct Engine {
    handle: EngineHandle,
    finished: oneshot::Receiver<()>,
}

impl Engine {
    /// Loads the journal, asks the runtime what is there, and begins to turn. Completes when
    /// everything that ended meanwhile has been recorded and everything owed is under way, or the
    /// store cannot write that now: then reads are served, and the rest follows when it can.
    ///
    /// # Errors
    /// [`StartError`]; nothing was changed.
    pub async fn start(
        config: EngineConfig,
        mut journal: Box<dyn Journal>,
        runtime: Arc<dyn Runtime>,
        clock: Option<Arc<dyn Clock>>,
    ) -> Result<Self, StartError> {
        let loaded = journal.load()?;
        let newest = loaded
            .pods
            .iter()
            .map(|pod| newest_time(pod))
            .max()
            .unwrap_or_default();
        let clock = clock.unwrap_or_else(|| Arc::new(SystemClock::new(newest)));
        let (commands, command_lane) = mpsc::channel(config.command_lane);
        let (reports, report_lane) = mpsc::channel(config.fact_lane);
        let known = loaded
            .pods
            .iter()
            .map(|pod| KnownPod {
                pod: pod.reference(),
            })
            .collect();
        let facts = runtime
            .recover(known, Arc::new(Sink(reports.clone())))
            .await?;

        let published = Arc::new(Published::default());
        published.load(loaded.revision, &loaded.pods);
        let log = Arc::new(WatchLog::new(loaded.revision, config.tail));
        let handle = EngineHandle {
            commands,
            published: Arc::clone(&published),
            log: Arc::clone(&log),
            reader: journal.reader(),
            epoch: journal.epoch().into(),
            node: Arc::clone(&config.node),
            runtime: runtime.info(),
        };
        let dispatcher = Dispatcher::new(runtime, Handle::current(), reports);
        let placement = config.placement;
        let core = core(config, journal, loaded, published, log, dispatcher);
        let engine_loop = Loop {
            core,
            clock,
            command_lane,
            report_lane,
            commands: Vec::new(),
            owed: Vec::new(),
            stopping: None,
        };
        let (ready, started) = oneshot::channel();
        let (done, finished) = oneshot::channel();
        let run = async move {
            engine_loop.run(facts, ready).await;
            let _ = done.send(());
        };
        match placement {
            Placement::Thread => on_own_thread(run).map_err(StartError::Thread)?,
            // Owned through `finished`, as the thread is.
            Placement::Task => drop(tokio::spawn(run)),
        }
        started.await.map_err(|_| StartError::Died)?;
        Ok(Self { handle, finished })
    }

    /// A handle for the API.
    #[must_use]
    pub fn handle(&self) -> EngineHandle {
        self.handle.clone()
    }

    /// Completes when the loop has ended although nobody asked it to: nothing works any more.
    pub async fn died(&mut self) {
        let _ = (&mut self.finished).await;
    }

    /// Ends all watches, waits a little for operations in flight, closes the store. Pods run on.
    pub async fn shutdown(self) {
        let _ = self.handle.commands.send(Command::Stop).await;
        let _ = self.finished.await;
    }
}

/// The newest time a record tells of.
fn newest_time(pod: &Pod) -> Timestamp {
    let conditions = pod.state().observed.conditions.iter();
    let conditions = conditions.map(|condition| condition.last_transition);
    let events = pod.events().iter().map(|event| event.last);
    let times = conditions.chain(events);
    times.max().unwrap_or_default().max(pod.meta.created_at)
}

/// Completes about when a timer is due, if there is one.
async fn rings(clock: &dyn Clock, deadline: Option<Timestamp>) {
    match deadline {
        Some(deadline) => clock.sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Completes at an instant of real time, if there is one.
async fn comes(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

/// Runs the loop on a thread with a timer of its own.
fn on_own_thread(run: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
    let run = move || {
        let timer = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        match timer {
            Ok(runtime) => runtime.block_on(run),
            Err(error) => tracing::error!(%error, "the engine has no timer"),
        }
    };
    let thread = thread::Builder::new().name("engine".into());
    thread.spawn(run).map(drop)
}

fn core(
    config: EngineConfig,
    journal: Box<dyn Journal>,
    loaded: Loaded,
    published: Arc<Published>,
    log: Arc<WatchLog>,
    dispatcher: Dispatcher,
) -> Core {
    let mut requests = Requests::new(config.request_window, config.request_limit);
    requests.load(loaded.requests);
    Core {
        config,
        journal,
        head: loaded.revision,
        table: Table::load(&loaded.pods),
        timers: Timers::default(),
        requests,
        published,
        log,
        dispatcher,
        parked: Vec::new(),
    }
}

struct Loop {
    core: Core,
    clock: Arc<dyn Clock>,
    command_lane: mpsc::Receiver<Command>,
    report_lane: mpsc::Receiver<Report>,
    /// Commands of a turn; kept for its room.
    commands: Vec<Command>,
    /// What was owed at the start; asked for again once what was found then is recorded.
    owed: Vec<Effect>,
    /// When the drain ends, once a stop was asked for.
    stopping: Option<Instant>,
}

impl Loop {
    async fn run(mut self, facts: Vec<(PodUid, Fact)>, ready: oneshot::Sender<()>) {
        self.recover(facts).await;
        let _ = ready.send(());
        while !self.is_drained() {
            let inputs = self.gather().await;
            self.turn(inputs).await;
        }
        self.close().await;
    }

    /// The first turn: records what happened while nobody watched and looks at every pod. If it
    /// fails, its facts and pods come again with the next.
    async fn recover(&mut self, facts: Vec<(PodUid, Fact)>) {
        let pods = || self.core.table.all();
        // What the turn newly asks for is dispatched by it; the rest is owed from before.
        self.owed = pods().flat_map(|pod| pod.owed()).collect();
        let reports = facts.into_iter();
        let inputs = Inputs {
            reports: reports
                .map(|(uid, fact)| Report::Fact { uid, fact })
                .collect(),
            due: pods().map(|pod| pod.meta.uid.clone()).collect(),
            ..Inputs::default()
        };
        self.turn(inputs).await;
    }

    async fn turn(&mut self, inputs: Inputs) {
        let now = self.clock.now();
        if self.core.turn(now, inputs) {
            self.ask_again();
        } else {
            tokio::time::sleep(self.core.config.store_retry).await;
        }
    }

    /// Asks for what was owed at the start and still is. Nothing is asked for again on the word of
    /// a record that what was found contradicts: only after a turn that has recorded it.
    fn ask_again(&mut self) {
        for effect in std::mem::take(&mut self.owed) {
            let pod = self.core.table.get(&effect.pod.uid);
            if pod.is_some_and(|pod| pod.owed().iter().any(|now| now.op == effect.op)) {
                self.core.dispatcher.start(effect);
            }
        }
    }

    /// Waits for inputs and takes what there is, up to the limit of a turn.
    async fn gather(&mut self) -> Inputs {
        let limit = self.core.config.turn_limit;
        let mut inputs = Inputs::default();
        let mut commands = std::mem::take(&mut self.commands);
        // Parked facts do not wait for news. No others are taken meanwhile, so their number stays
        // bounded; commands are, because their callers want an answer.
        if self.core.parked.is_empty() {
            let open = self.stopping.is_none();
            let timer = rings(&*self.clock, self.core.timers.next());
            tokio::select! {
                biased;
                _ = self.report_lane.recv_many(&mut inputs.reports, limit) => {}
                taken = self.command_lane.recv_many(&mut commands, limit), if open => {
                    // Nobody is left who could ask or stop us: a closed lane is a stop, not news.
                    if taken == 0 {
                        self.begin_stop();
                    }
                }
                () = timer => {}
                () = comes(self.stopping) => {}
            }
        }
        while commands.len() < limit
            && let Ok(command) = self.command_lane.try_recv()
        {
            commands.push(command);
        }
        inputs.mutations.reserve(commands.len());
        for command in commands.drain(..) {
            match command {
                Command::Mutate {
                    mutation,
                    request,
                    actor,
                    reply,
                } => {
                    inputs.mutations.push(Pending {
                        mutation,
                        request,
                        actor,
                        reply,
                    });
                }
                Command::Stop => self.begin_stop(),
            }
        }
        self.commands = commands;
        let now = self.clock.now();
        while let Some(uid) = self.core.timers.pop_due(now) {
            inputs.due.push(uid);
        }
        inputs
    }

    fn begin_stop(&mut self) {
        self.command_lane.close();
        self.stopping = Some(Instant::now() + self.core.config.drain);
    }

    fn is_drained(&self) -> bool {
        let Some(end) = self.stopping else {
            return false;
        };
        let idle = self.core.dispatcher.is_idle() && self.report_lane.is_empty();
        (idle && self.command_lane.is_empty()) || Instant::now() >= end
    }

    async fn close(mut self) {
        self.core.log.close();
        let end = Instant::now() + self.core.config.drain;
        if timeout_at(end, self.core.dispatcher.shutdown())
            .await
            .is_err()
        {
            tracing::warn!(
                "operations in flight did not end in time; they are owed at the next start"
            );
        }
        if let Err(error) = self.core.journal.close() {
            tracing::warn!(%error, "the store could not be closed cleanly; nothing is lost");
        }
    }
}
