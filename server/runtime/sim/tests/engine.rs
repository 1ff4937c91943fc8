//! The real engine on the simulated runtime, in virtual time: one async runtime for all, so that
//! time passes only when nothing is left to do.

mod support;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use lifepod_engine::{Clock, Cursor, Engine, EngineConfig, Placement, Target};
use lifepod_lifecycle::{
    NewPod,
    id::Revision,
    port::{BoxFuture, JournalReader as _, Record},
    spec::{Handler, RestartPolicy},
    status::Phase,
    time::Timestamp,
    transition::{Subject, Transition},
};
use lifepod_sim::{SimClock, SimConfig, SimRuntime};
use lifepod_store::journal::{MemoryJournal, MemoryStore, RequestWindow};
use support::{ORIGIN, config, pod};
use tempfile::TempDir;

/// More virtual time than anything here takes.
const DEADLINE: Duration = Duration::from_secs(3600);
/// More records than anything here makes.
const HISTORY: usize = 100_000;

/// The server makes the same few lines.
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

struct World {
    engine: Engine,
    store: Arc<MemoryStore>,
    cursor: Cursor,
    _logs: TempDir,
}

impl World {
    async fn new(seed: u64) -> Self {
        Self::with(SimClock::new(ORIGIN), Placement::Task, seed).await
    }

    async fn with(clock: SimClock, placement: Placement, seed: u64) -> Self {
        let logs = TempDir::new().expect("temp dir");
        let store = MemoryStore::new(HISTORY, RequestWindow::default());
        let mut settings = config(clock, logs.path());
        settings.seed = seed;
        let engine = start(&store, settings, placement).await;
        let cursor = engine.handle().watch(Revision(0));
        Self {
            engine,
            store,
            cursor,
            _logs: logs,
        }
    }

    async fn create(&self, pod: NewPod) {
        let created = self.engine.handle().create(pod, None, String::new()).await;
        created.expect("created");
    }

    async fn delete(&self, pod: &NewPod) {
        let target = Target {
            key: pod.key.clone(),
            uid: Some(pod.uid.clone()),
            revision: None,
        };
        let handle = self.engine.handle();
        let deleted = handle.delete(target, None, None, String::new());
        deleted.await.expect("deleted");
    }

    async fn until(&mut self, wanted: impl Fn(&Record) -> bool) -> Arc<Record> {
        let found = async {
            loop {
                let record = self.cursor.next().await.expect("open");
                if wanted(&record) {
                    return record;
                }
            }
        };
        tokio::time::timeout(DEADLINE, found)
            .await
            .expect("in time")
    }

    /// Everything that happened, after the engine has ended.
    async fn end(self) -> Vec<Transition> {
        self.engine.shutdown().await;
        let page = self.store.read_after(Revision(0), HISTORY).expect("kept");
        let records = page.records.iter();
        records.flat_map(|r| r.transitions.clone()).collect()
    }
}

async fn start(store: &Arc<MemoryStore>, settings: SimConfig, placement: Placement) -> Engine {
    let clock: Arc<dyn Clock> = Arc::new(EngineClock(settings.clock.clone()));
    let runtime = Arc::new(SimRuntime::open(settings).expect("opens"));
    let journal = MemoryJournal::open(store).expect("nobody else has it");
    let config = EngineConfig {
        placement,
        ..EngineConfig::default()
    };
    Engine::start(config, Box::new(journal), runtime, Some(clock))
        .await
        .expect("starts")
}

/// When the container reached that state, since the begin.
fn times(transitions: &[Transition], state: &str) -> Vec<Duration> {
    let of_container = |t: &&Transition| matches!(t.subject, Subject::Container { .. });
    transitions
        .iter()
        .filter(of_container)
        .filter(|t| t.to == state)
        .map(|t| t.occurred_at.since(ORIGIN))
        .collect()
}

fn secs(list: &[u64]) -> Vec<Duration> {
    list.iter().copied().map(Duration::from_secs).collect()
}

#[tokio::test(start_paused = true)]
async fn a_crash_loop_backs_off_by_the_kubelets_times() {
    let began = Instant::now();
    let mut world = World::new(0).await;
    let mut crasher = pod("crasher", &[("app", "exit=1")]);
    crasher.spec.restart_policy = RestartPolicy::Always;
    world.create(crasher).await;
    let sixth = |r: &Record| {
        r.transitions
            .iter()
            .any(|t| matches!(t.subject, Subject::Container { attempt: 5, .. }))
    };
    world.until(sixth).await;
    let transitions = world.end().await;
    let took = began.elapsed();
    println!("150 s of virtual time took {took:?}");

    let starts = times(&transitions, "Running");
    assert_eq!(starts[..5], secs(&[0, 0, 10, 30, 70]));
    let mut delays: Vec<_> = transitions
        .iter()
        .filter(|t| t.reason == "CrashLoopBackOff" && t.message.starts_with("back-off"))
        .filter_map(|t| t.message.split(' ').nth(1))
        .collect();
    // Said again when the next attempt begins.
    delays.dedup();
    assert_eq!(delays[..4], ["10s", "20s", "40s", "1m20s"]);
    assert!(took < Duration::from_secs(5), "waited for real: {took:?}");
}

#[tokio::test(start_paused = true)]
async fn an_image_backs_off_and_heals() {
    let mut world = World::new(0).await;
    let mut new = pod(
        "p",
        &[("app.image", "pull=300ms fail=2"), ("app", "exit=0 run=1s")],
    );
    new.spec.containers[0].image = "sim/missing:v1".into();
    world.create(new).await;
    world
        .until(|r| r.pod.status().phase == Phase::Succeeded)
        .await;
    let transitions = world.end().await;
    // Two failed pulls with 10 s and 20 s after them, then the third.
    let start = Duration::from_millis(300 + 10_000 + 300 + 20_000 + 300);
    assert_eq!(times(&transitions, "Running"), [start]);
    let second = Duration::from_secs(1);
    assert_eq!(times(&transitions, "Exited"), [start + second]);
}

#[tokio::test(start_paused = true)]
async fn deletion_runs_the_hook_inside_the_grace_period() {
    let mut world = World::new(0).await;
    let mut new = pod("p", &[("app", "ignore-term pre-stop=4s")]);
    new.spec.containers[0].lifecycle.pre_stop = Some(Handler::Exec { command: vec![] });
    world.create(new.clone()).await;
    world
        .until(|r| r.pod.status().phase == Phase::Running)
        .await;
    world.delete(&new).await;
    world.until(|r| r.removed).await;
    let transitions = world.end().await;
    let exits = transitions.iter().filter_map(|t| t.exit.as_ref());
    assert_eq!(exits.map(|e| e.code).collect::<Vec<_>>(), [137]);
    assert_eq!(times(&transitions, "Exited"), secs(&[30]));
}

#[tokio::test]
async fn scaled_time_serves_an_engine_on_its_own_thread() {
    let began = Instant::now();
    let clock = SimClock::scaled(ORIGIN, 1000.0).expect("a speed");
    let mut world = World::with(clock, Placement::Thread, 0).await;
    world.create(pod("p", &[("app", "run=1m")])).await;
    let ended = world.until(|r| r.pod.status().phase == Phase::Succeeded);
    ended.await;
    let transitions = world.end().await;
    let took = began.elapsed();
    let ran = times(&transitions, "Exited")[0] - times(&transitions, "Running")[0];
    assert_eq!(ran, Duration::from_secs(60));
    let range = Duration::from_millis(60)..Duration::from_secs(30);
    assert!(range.contains(&took), "one minute took {took:?}");
}

#[tokio::test]
async fn stepped_time_moves_only_when_told() {
    let clock = SimClock::stepped(ORIGIN);
    let mut world = World::with(clock.clone(), Placement::Task, 0).await;
    world.create(pod("p", &[("app", "run=10m exit=1")])).await;
    let revision = || world.engine.handle().revision();
    clock.advance(Duration::from_secs(599), || false).await;
    let before = revision();
    clock
        .advance(Duration::from_secs(60), || revision() > before)
        .await;
    assert_eq!(clock.now(), ORIGIN + Duration::from_secs(600));
    world.until(|r| r.pod.status().phase == Phase::Failed).await;
    let transitions = world.end().await;
    assert_eq!(times(&transitions, "Running"), secs(&[0]));
    assert_eq!(times(&transitions, "Exited"), secs(&[600]));
}

/// Three pods whose times are partly left to the seed.
async fn restless(seed: u64) -> Vec<Transition> {
    let mut world = World::new(seed).await;
    for name in ["a", "b", "c"] {
        let scripts = [
            (
                "app",
                "start=10ms~1s run=1s~5s exit=1; run=2s~1s oom; exit=0 run=1s",
            ),
            ("app.image", "pull=100ms~1s fail=1"),
            ("sandbox", "create=1ms~100ms"),
        ];
        let mut new = pod(name, &scripts);
        new.spec.restart_policy = RestartPolicy::OnFailure;
        new.spec.containers[0].image = format!("image-of-{name}");
        world.create(new).await;
    }
    for _ in 0..3 {
        let ends = |t: &Transition| t.subject == Subject::Phase && t.to == "Succeeded";
        world.until(|r| r.transitions.iter().any(ends)).await;
    }
    world.end().await
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_transitions() {
    let first = restless(1).await;
    assert!(first.len() > 60, "{}", first.len());
    assert_eq!(first, restless(1).await);
    assert_ne!(first, restless(2).await);
}
