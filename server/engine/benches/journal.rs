//! Durable mutations a second, straight at the engine: `cargo xtask bench journal`.
//!
//! Each caller changes the labels of a pod of its own, one after the other; the journal is the
//! durable one, on the file system of the build.

#![expect(
    clippy::unwrap_used,
    reason = "a measurement ends at the first surprise"
)]
#![expect(clippy::print_stdout, reason = "figures are what this is for")]

use std::{
    collections::BTreeMap,
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use lifepod_engine::{Engine, EngineConfig, EngineHandle, Target};
use lifepod_lifecycle::{
    NewPod,
    id::{PodKey, PodUid},
    input::Update,
    spec::{ContainerSpec, PodSpec},
    time::Timestamp,
};
use lifepod_sim::{SimClock, SimConfig, SimRuntime};
use lifepod_store::{
    disk::RealDisk,
    journal::{DurableJournal, JournalOptions},
};
use tokio::{task::JoinSet, time::sleep};

const CALLERS: [usize; 4] = [1, 16, 64, 512];
const TIME: Duration = Duration::from_secs(5);

fn main() {
    // Cargo passes `--bench`; a run of the tests passes nothing and measures nothing.
    if !std::env::args().any(|word| word == "--bench") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    println!("| callers at the engine | mutations/s | p50 | p99 | written per mutation |");
    println!("|---|---|---|---|---|");
    for callers in CALLERS {
        runtime.block_on(measure(callers));
    }
}

async fn measure(callers: usize) {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let disk = Arc::new(RealDisk::new(dir.path().join("journal")).unwrap());
    let journal = DurableJournal::open(disk, JournalOptions::default(), Timestamp(1)).unwrap();
    let runtime = SimRuntime::open(SimConfig {
        clock: SimClock::new(Timestamp(1)),
        seed: 1,
        log_root: dir.path().join("logs"),
        state: None,
    })
    .unwrap();
    let config = EngineConfig::default();
    let engine = Engine::start(config, Box::new(journal), Arc::new(runtime), None)
        .await
        .unwrap();
    let handle = engine.handle();
    for caller in 0..callers {
        let created = handle.create(pod(caller), None, String::new()).await;
        created.unwrap();
    }
    // The pods must have come to rest.
    sleep(Duration::from_millis(300)).await;
    let (before, begin) = (written(), Instant::now());
    let mut calls = JoinSet::new();
    for caller in 0..callers {
        calls.spawn(call(handle.clone(), caller, begin + TIME));
    }
    let mut took: Vec<Duration> = calls.join_all().await.into_iter().flatten().collect();
    let spent = begin.elapsed();
    let bytes = (written() - before) / took.len() as u64;
    took.sort_unstable();
    let at = |percent: usize| took[(took.len() * percent / 100).min(took.len() - 1)];
    println!(
        "| {callers} | {:.0} | {:.2} ms | {:.2} ms | {bytes} B |",
        took.len() as f64 / spent.as_secs_f64(),
        at(50).as_secs_f64() * 1e3,
        at(99).as_secs_f64() * 1e3,
    );
    drop(handle);
    engine.shutdown().await;
}

async fn call(handle: EngineHandle, caller: usize, end: Instant) -> Vec<Duration> {
    let mut took = Vec::new();
    while Instant::now() < end {
        let turn = took.len().to_string();
        let update = Update {
            labels: Some(BTreeMap::from([("turn".to_owned(), turn)])),
            ..Update::default()
        };
        let target = Target {
            key: key(caller),
            uid: None,
            revision: None,
        };
        let begin = Instant::now();
        let done = handle.update(target, update, None, String::new()).await;
        done.unwrap();
        took.push(begin.elapsed());
    }
    took
}

fn key(caller: usize) -> PodKey {
    PodKey::new("default", &format!("pod-{caller}"))
}

fn pod(caller: usize) -> NewPod {
    let container = ContainerSpec {
        name: "main".into(),
        image: "any".into(),
        ..ContainerSpec::default()
    };
    NewPod {
        key: key(caller),
        uid: PodUid::from(&*format!("00000000-0000-0000-0000-{caller:012}")),
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        finalizers: Vec::new(),
        spec: PodSpec {
            containers: vec![container],
            ..PodSpec::default()
        },
        node: "node".into(),
    }
}

/// Bytes this process has sent to disks.
fn written() -> u64 {
    let text = fs::read_to_string("/proc/self/io").unwrap_or_default();
    let mut fields = text
        .lines()
        .filter_map(|line| line.strip_prefix("write_bytes: "));
    fields.next().and_then(|n| n.parse().ok()).unwrap_or(0)
}
