//! Chaos: lives of real servers on the simulated runtime and a failing store, each ended at a bad
//! moment, and after each of them the proof that nothing was lost and nothing invented.
//!
//! ```text
//! round: start with faults ─► actors create, update, delete; watchers watch, stall, leave, resume
//!        ─► the server dies ─► start without faults ─► unanswered requests are repeated
//!        ─► every acknowledged mutation is there, every stream keeps every promise,
//!           every pod is the fold of its transitions, watch and history tell the same
//! ```
//! One seed decides what is asked for and how each server dies; how far it comes until then is up to
//! the machine.

mod actor;
mod fate;
mod ledger;
mod outcome;
mod watcher;

use crate::{
    fixtures::{Daemon, EndedEarly, Simulated},
    world::Dice,
};
use actor::Actor;
use anyhow::{Context, Result};
use fate::Fate;
use lifepod_client::{
    Client, RetryPolicy, Selector, TransitionFilter,
    checker::compare,
    proto::{Pod, Transition},
};
use std::time::Duration;
use tokio::{task::block_in_place, time::timeout};
use watcher::{Habit, Watcher};

pub use outcome::Outcome;

/// Longest wait for anything that ought to happen at once.
const SOON: Duration = Duration::from_secs(30);
const ACTORS: u64 = 4;
/// What Rust says of a panic, on which a thread may end and the process go on.
const PANIC: &str = "panicked at ";

/// Time runs faster than outside, so that back-offs are lived through; what is remembered by time
/// is remembered for the whole run. Files are small, so that they are changed and dropped often.
const CONFIG: &str = r#"
[journal]
keep_hours = 100000
keep_mebibytes = 24
request_window_seconds = 100000000
request_window_count = 100000

[runtime.sim]
time = "scaled"
speed = 20.0
"#;

/// A chaos that is under way.
#[derive(Debug)]
pub struct Chaos {
    stage: Simulated,
    dice: Dice,
    actors: Vec<Actor>,
    watchers: Vec<Watcher>,
    /// Revision up to which watch and history were compared.
    compared: u64,
    outcome: Outcome,
}

impl Chaos {
    /// A first server, actors that have done nothing yet, and watchers of all habits.
    ///
    /// # Errors
    ///
    /// When a part of it does not come up.
    pub async fn begin(seed: u64) -> Result<Self> {
        let stage = block_in_place(|| Simulated::set_up(CONFIG))?;
        let daemon = block_in_place(|| stage.start(&[]))?;
        let mut dice = Dice::seeded(seed);
        let client = Client::connect(stage.endpoint()).await?;
        let mut watchers = Vec::new();
        for habit in Habit::ALL {
            let watcher = Watcher::begin(client.all_pods(), habit, dice.split());
            watcher.reach(0, SOON).await?;
            watchers.push(watcher);
        }
        let actors = (0..ACTORS).map(|number| Actor::new(number, dice.split()));
        let chaos = Self {
            actors: actors.collect(),
            watchers,
            stage,
            dice,
            compared: 0,
            outcome: Outcome::new(seed),
        };
        block_in_place(|| daemon.stop())?;
        Ok(chaos)
    }

    /// One life of a server, and what is left after it.
    ///
    /// # Errors
    ///
    /// When the machine or the fixtures fail; broken promises are in the outcome.
    pub async fn round(&mut self) -> Result<()> {
        self.outcome.rounds += 1;
        let fate = Fate::draw(&mut self.dice);
        self.live(&fate).await?;
        let daemon = block_in_place(|| self.stage.start(&[])).context("after a crash")?;
        self.verify().await?;
        self.look_for_panics(&daemon.log());
        // The next server finds a store that was closed, or one that was not.
        if self.dice.one_in(2) {
            let status = block_in_place(|| daemon.stop())?;
            if !status.success() {
                self.outcome
                    .note(vec![format!("a stopped server ended with {status}")]);
            }
            self.outcome.stops += 1;
        } else {
            block_in_place(|| daemon.kill())?;
            self.outcome.kills_by_signal += 1;
        }
        Ok(())
    }

    /// What was found so far.
    #[must_use]
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    async fn client(&self) -> Result<Client> {
        // What was refused must be seen, not repeated.
        let builder = Client::builder(self.stage.endpoint().parse()?).deadline(SOON);
        Ok(builder.retry(RetryPolicy::never()).connect().await?)
    }

    /// A server lives until its fate ends it.
    async fn live(&mut self, fate: &Fate) -> Result<()> {
        let errors = self.stage.path("errors");
        let variables = fate.variables(&errors);
        let variables: Vec<_> = variables
            .iter()
            .map(|(key, value)| (*key, &**value))
            .collect();
        let daemon = match block_in_place(|| self.stage.start(&variables)) {
            Ok(daemon) => daemon,
            Err(error) => {
                match error.downcast_ref::<EndedEarly>() {
                    Some(end) if fate.explains(end.status) => self.outcome.count_death(fate),
                    _ => self.outcome.note(vec![format!("{error:#}")]),
                }
                return Ok(());
            }
        };
        // A disk that fails before anything is served ends the start, and rightly so.
        if let Ok(client) = self.client().await
            && client.server_info().await.is_ok()
        {
            let pods = client.pods("");
            let acts = self.actors.iter_mut().map(|actor| actor.act(&pods));
            let ill = fate.make_ill(&errors);
            tokio::select! {
                _ = futures::future::join_all(acts) => {}
                () = fate.come(daemon.pid(), ill) => {}
            }
        }
        self.bury(daemon, fate)
    }

    /// Kills a server, unless its fate was faster.
    fn bury(&mut self, mut daemon: Daemon, fate: &Fate) -> Result<()> {
        let ended = block_in_place(|| daemon.end())?;
        let log = daemon.log();
        match ended {
            None => self.outcome.kills_by_signal += 1,
            Some(status) if fate.explains(status) => self.outcome.count_death(fate),
            Some(status) => {
                let fault = format!("the server ended by itself with {status}:\n{log}");
                self.outcome.note(vec![fault]);
            }
        }
        self.look_for_panics(&log);
        let errors = self.stage.path("errors");
        if errors.exists() {
            std::fs::remove_file(errors)?;
        }
        Ok(())
    }

    fn look_for_panics(&mut self, log: &str) {
        if log.contains(PANIC) {
            self.outcome
                .note(vec![format!("something in the server panicked:\n{log}")]);
        }
    }

    async fn verify(&mut self) -> Result<()> {
        let client = self.client().await?;
        let pods = client.pods("");
        for actor in &mut self.actors {
            let faults = actor.repeat_unanswered(&pods).await?;
            self.outcome.note(faults);
        }
        let list = timeout(SOON, pods.list(&Selector::all())).await??;
        for actor in &mut self.actors {
            let faults = actor.ledger().verify(&list.pods);
            self.outcome.note(faults);
            self.outcome.count(actor.take_tally());
        }
        let known = |pod: &&Pod| self.actors.iter().any(|actor| actor.ledger_knows(pod));
        let invented = list.pods.iter().filter(|pod| !known(pod));
        let invented = invented.map(|pod| {
            let name = pod.metadata.as_ref().map_or("", |meta| &meta.name);
            format!("pod {name} was never asked for")
        });
        self.outcome.note(invented.collect());
        self.check_watchers(&client, list.revision).await
    }

    /// Every stream must have kept its promises, up to a revision at least.
    async fn check_watchers(&mut self, client: &Client, newest: u64) -> Result<()> {
        let pods = client.all_pods();
        for watcher in &self.watchers {
            if let Err(error) = watcher.reach(newest, SOON).await {
                self.outcome.note(vec![format!("{error:#}")]);
                continue;
            }
            let shown = watcher.shown_at(&pods).await?;
            self.outcome.note(shown);
            self.outcome.note(watcher.take_faults());
            self.outcome.resumes += watcher.take_resumes();
        }
        let told: Vec<Transition> = self.watchers[0].take_told(newest);
        let filter = TransitionFilter {
            from_revision: self.compared + 1,
            to_revision: newest,
            ..TransitionFilter::default()
        };
        let recorded = pods.transitions(filter).await?;
        self.compared = newest;
        self.outcome.transitions += recorded.len() as u64;
        let differences = compare(&told, &recorded);
        self.outcome
            .note(differences.iter().map(ToString::to_string).collect());
        Ok(())
    }
}
