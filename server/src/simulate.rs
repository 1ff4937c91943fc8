//! The simulated runtime: time that runs, or time that is moved by clients.
//!
//! ```text
//!  time runs:     engine thread ── SimRuntime on the server's threads
//!  time stepped:  one thread `simulation` { engine, SimRuntime, steps one after another } ◄── Steps
//! ```
//! Stepped time needs the single thread: what is due at one point in time is over when nothing
//! else on that thread has anything left to do.

use std::{sync::Arc, thread, time::Duration};

use anyhow::{Context as _, Result};
use lifepod_api::Stepping;
use lifepod_engine::{Clock, Engine, EngineConfig, Placement};
use lifepod_lifecycle::{id::Revision, port::BoxFuture, time::Timestamp};
use lifepod_sim::{SimClock, SimConfig, SimRuntime};
use lifepod_store::journal::DurableJournal;
use tokio::sync::{mpsc, oneshot};

use crate::{
    config::{Config, SimTime},
    journal::now,
    wire::Parts,
};

/// Steps that may wait.
const STEPS: usize = 16;

/// Starts the engine on a simulated runtime.
///
/// # Errors
/// If the engine does not start.
pub(crate) async fn start(
    config: &Config,
    engine: EngineConfig,
    journal: DurableJournal,
) -> Result<Parts> {
    let state = config.data_dir.join("sim");
    // Scaled and stepped time may have run ahead of the wall clock.
    let origin = now()
        .max(SimRuntime::newest_time(&state).unwrap_or_default())
        .max(journal.newest_time());
    let clock = match config.sim.time {
        SimTime::Real => SimClock::new(origin),
        SimTime::Scaled => SimClock::scaled(origin, config.sim.speed)?,
        SimTime::Stepped => SimClock::stepped(origin),
    };
    let runtime = SimRuntime::open(SimConfig {
        clock: clock.clone(),
        seed: config.sim.seed,
        log_root: config.data_dir.join("logs"),
        state: Some(state),
    });
    let runtime = Arc::new(runtime.context("cannot load the simulation")?);
    let simulation = Simulation {
        clock,
        engine,
        journal,
        runtime: Arc::clone(&runtime),
    };
    let (engine, stepping) = match config.sim.time {
        SimTime::Real | SimTime::Scaled => (simulation.start(Placement::Thread).await?, None),
        SimTime::Stepped => {
            let (engine, steps) = simulation.start_stepped().await?;
            (engine, Some(Arc::new(steps) as Arc<dyn Stepping>))
        }
    };
    Ok(Parts {
        engine,
        images: Arc::clone(&runtime) as _,
        streams: runtime,
        stepping,
    })
}

/// Everything that belongs to one simulation.
struct Simulation {
    clock: SimClock,
    engine: EngineConfig,
    journal: DurableJournal,
    runtime: Arc<SimRuntime>,
}

impl Simulation {
    async fn start(self, placement: Placement) -> Result<Engine> {
        let config = EngineConfig {
            placement,
            ..self.engine
        };
        let clock: Arc<dyn Clock> = Arc::new(EngineClock(self.clock));
        let journal = Box::new(self.journal);
        Ok(Engine::start(config, journal, self.runtime, Some(clock)).await?)
    }

    async fn start_stepped(self) -> Result<(Engine, Steps)> {
        let (steps, wanted) = mpsc::channel(STEPS);
        let (started, engine) = oneshot::channel();
        let thread = thread::Builder::new().name("simulation".into());
        thread
            .spawn(move || self.run(started, wanted))
            .context("cannot start the simulation's thread")?;
        let engine = engine.await.context("the simulation died at its start")??;
        Ok((engine, Steps(steps)))
    }

    /// The simulation's thread: until nobody is left who could want a step.
    fn run(self, started: oneshot::Sender<Result<Engine>>, mut wanted: mpsc::Receiver<Step>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        let runtime = match runtime.context("the simulation has no timer") {
            Ok(runtime) => runtime,
            Err(error) => return drop(started.send(Err(error))),
        };
        let (clock, simulated) = (self.clock.clone(), Arc::clone(&self.runtime));
        runtime.block_on(async move {
            let engine = self.start(Placement::Task).await;
            let handle = engine.as_ref().map(Engine::handle).ok();
            // Who asked for the start waits for it, or the whole process ends.
            let _ = started.send(engine);
            while let (Some(step), Some(handle)) = (wanted.recv().await, &handle) {
                let reached = || step.past.is_some_and(|past| handle.revision() > past);
                clock.advance(step.by, reached).await;
                simulated.keep_time();
                // A client that went away has moved the time all the same.
                let _ = step.done.send(clock.now());
            }
        });
    }
}

/// One wish to move the time.
struct Step {
    by: Duration,
    past: Option<Revision>,
    done: oneshot::Sender<Timestamp>,
}

/// Moves the time of a simulation that runs on its own thread, and keeps that thread alive.
struct Steps(mpsc::Sender<Step>);

impl Stepping for Steps {
    fn advance(&self, by: Duration, past: Option<Revision>) -> BoxFuture<'_, Option<Timestamp>> {
        Box::pin(async move {
            let (done, reached) = oneshot::channel();
            self.0.send(Step { by, past, done }).await.ok()?;
            reached.await.ok()
        })
    }
}

/// Simulated time as the engine's.
struct EngineClock(SimClock);

impl Clock for EngineClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn until(&self, deadline: Timestamp) -> Duration {
        self.0.until(deadline)
    }

    fn sleep_until(&self, deadline: Timestamp) -> BoxFuture<'_, ()> {
        Box::pin(self.0.sleep_until(deadline))
    }
}
