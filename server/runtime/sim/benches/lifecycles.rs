//! Whole pod lifecycles per second: created, run, succeeded, deleted and gone, through the real
//! engine on the simulated runtime, in real time.
//!
//! `cargo bench -p lifepod-sim` prints a line per store. One client watches everything, deletes
//! what has succeeded and makes the next pod when one is gone.

#![expect(clippy::print_stdout, reason = "the figures are its output")]

use std::{
    collections::BTreeMap,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use lifepod_engine::{Clock, Engine, EngineConfig, EngineHandle, Target};
use lifepod_lifecycle::{
    NewPod,
    id::{PodKey, PodUid, Revision},
    port::{Journal, Record},
    spec::{ContainerSpec, ImagePullPolicy, PodSpec, RestartPolicy},
    time::Timestamp,
    transition::{Subject, Transition},
};
use lifepod_sim::{SimClock, SimConfig, SimRuntime};
use lifepod_store::{
    disk::RealDisk,
    journal::{DurableJournal, JournalOptions, MemoryJournal, MemoryStore, RequestWindow},
};
use tokio::task::JoinSet;

const IN_FLIGHT: u32 = 512;
const LIFECYCLES: u32 = 20_000;
const ROUNDS: u32 = 3;
/// When every simulation begins.
const ORIGIN: Timestamp = Timestamp::from_secs(1_700_000_000);

struct EngineClock(SimClock);

impl Clock for EngineClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn until(&self, deadline: Timestamp) -> Duration {
        self.0.until(deadline)
    }
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    println!(
        "whole pod lifecycles per second, {IN_FLIGHT} in flight, {LIFECYCLES} in each of {ROUNDS} rounds"
    );
    for (store, goal) in [("memory", 10_000), ("durable", 3_000)] {
        let mut rates: Vec<f64> = (0..ROUNDS)
            .map(|_| runtime.block_on(measure(store)))
            .collect();
        rates.sort_by(f64::total_cmp);
        let median = rates[rates.len() / 2];
        let best = rates.last().expect("a round");
        println!("{store:8} median {median:7.0}/s   best {best:7.0}/s   goal {goal}/s");
    }
}

async fn measure(store: &str) -> f64 {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let engine = start(store, folder.path()).await;
    let began = Instant::now();
    drive(&engine.handle()).await;
    let rate = f64::from(LIFECYCLES) / began.elapsed().as_secs_f64();
    engine.shutdown().await;
    rate
}

async fn start(store: &str, folder: &Path) -> Engine {
    let journal: Box<dyn Journal> = match store {
        "memory" => {
            let store = MemoryStore::new(100_000, RequestWindow::default());
            Box::new(MemoryJournal::open(&store).expect("opens"))
        }
        _ => {
            let disk = RealDisk::new(folder.join("journal")).expect("a disk");
            let options = JournalOptions::default();
            Box::new(DurableJournal::open(Arc::new(disk), options, ORIGIN).expect("opens"))
        }
    };
    let clock = SimClock::new(ORIGIN);
    let runtime = SimRuntime::open(SimConfig {
        clock: clock.clone(),
        seed: 1,
        log_root: folder.join("logs"),
        state: None,
    })
    .expect("opens");
    let clock: Arc<dyn Clock> = Arc::new(EngineClock(clock));
    let config = EngineConfig::default();
    Engine::start(config, journal, Arc::new(runtime), Some(clock))
        .await
        .expect("starts")
}

/// Plays the client: one watch over everything, and an answer to each thing that it sees.
async fn drive(engine: &EngineHandle) {
    let mut watch = engine.watch(Revision(0));
    let mut calls = JoinSet::new();
    let mut begun = 0;
    while begun < IN_FLIGHT {
        calls.spawn(create(engine.clone(), begun));
        begun += 1;
    }
    let mut gone = 0;
    while gone < LIFECYCLES {
        let record = watch.next().await.expect("the watch goes on");
        if record.removed {
            gone += 1;
            if begun < LIFECYCLES {
                calls.spawn(create(engine.clone(), begun));
                begun += 1;
            }
        } else if record.transitions.iter().any(succeeded) {
            calls.spawn(delete(engine.clone(), Arc::clone(&record)));
        }
        while let Some(ended) = calls.try_join_next() {
            ended.expect("no call fails");
        }
    }
}

fn succeeded(transition: &Transition) -> bool {
    matches!(transition.subject, Subject::Phase) && transition.to == "Succeeded"
}

async fn create(engine: EngineHandle, number: u32) {
    let created = engine.create(pod(number), None, String::new()).await;
    created.expect("created");
}

async fn delete(engine: EngineHandle, record: Arc<Record>) {
    let target = Target {
        key: record.pod.meta.key.clone(),
        uid: Some(record.pod.meta.uid.clone()),
        revision: None,
    };
    let deleted = engine.delete(target, None, None, String::new()).await;
    deleted.expect("deleted");
}

/// One container that ends at once with exit code 0.
fn pod(number: u32) -> NewPod {
    let container = ContainerSpec {
        name: "app".into(),
        image: "nginx".into(),
        image_pull_policy: ImagePullPolicy::IfNotPresent,
        ..ContainerSpec::default()
    };
    NewPod {
        key: PodKey::new("default", format!("pod-{number}").as_str()),
        uid: PodUid::from(format!("uid-{number}").as_str()),
        labels: BTreeMap::new(),
        annotations: BTreeMap::from([("sim.lifepod.dev/app".to_owned(), "exit=0".to_owned())]),
        finalizers: Vec::new(),
        spec: PodSpec {
            containers: vec![container],
            restart_policy: RestartPolicy::Never,
            termination_grace_period: Duration::from_secs(30),
            ..PodSpec::default()
        },
        node: "node".into(),
    }
}
