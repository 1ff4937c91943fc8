//! A journal in memory and a runtime that answers at once, both with faults on demand.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use lifepod_engine::{Engine, EngineConfig};
use lifepod_lifecycle::{
    NewPod, Settings,
    effect::{Action, Effect},
    id::{PodKey, PodUid, Revision},
    input::{Exit, Fact, ImageSource, InstanceFacts, Outcome},
    port::{
        BoxFuture, FactSink, Journal, JournalReader, KnownPod, Loaded, Page, Record, Runtime,
        RuntimeInfo, RuntimeLost, StoreError,
    },
    spec::{ContainerSpec, PodSpec, RestartPolicy},
    time::Timestamp,
    transition::{ExitStatus, Observation},
};
use parking_lot::Mutex;

/// Records in memory, shared by the "process" before and after a restart.
#[derive(Clone, Default)]
pub(crate) struct MemoryJournal {
    pub records: Arc<Mutex<Vec<Arc<Record>>>>,
    pub broken: Arc<AtomicBool>,
    pub commits: Arc<AtomicUsize>,
    /// Commits wait.
    pub held: Arc<AtomicBool>,
    /// Commits that have begun.
    pub tries: Arc<AtomicUsize>,
}

impl Journal for MemoryJournal {
    fn epoch(&self) -> String {
        "epoch".into()
    }

    fn load(&mut self) -> Result<Loaded, StoreError> {
        let records = self.records.lock();
        let mut pods = BTreeMap::new();
        for record in records.iter() {
            pods.insert(record.pod.meta.uid.clone(), Arc::clone(&record.pod));
            if record.removed {
                pods.remove(&record.pod.meta.uid);
            }
        }
        Ok(Loaded {
            revision: records.last().map_or(Revision(0), |r| r.revision),
            pods: pods.into_values().collect(),
            requests: records
                .iter()
                .filter(|r| r.request.is_some())
                .map(|r| Record::clone(r))
                .collect(),
        })
    }

    fn commit(&mut self, records: &[Arc<Record>]) -> Result<(), StoreError> {
        self.tries.fetch_add(1, Ordering::SeqCst);
        // Not for a test that failed: its engine could not end.
        let end = Instant::now() + 2 * super::DEADLINE;
        while self.held.load(Ordering::SeqCst) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(1));
        }
        if self.broken.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable {
                message: "disk is full".into(),
            });
        }
        self.commits.fetch_add(1, Ordering::SeqCst);
        self.records.lock().extend(records.iter().cloned());
        Ok(())
    }

    fn reader(&self) -> Arc<dyn JournalReader> {
        Arc::new(self.clone())
    }

    fn close(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl JournalReader for MemoryJournal {
    fn read_after(&self, after: Revision, limit: usize) -> Result<Page, StoreError> {
        let records = self.records.lock();
        let records = records
            .iter()
            .filter(|r| r.revision > after)
            .take(limit)
            .cloned()
            .collect();
        Ok(Page { records })
    }

    fn oldest(&self) -> Revision {
        Revision(0)
    }
}

/// Starts everything at once; containers run until [`TestRuntime::exit`] or a stop.
#[derive(Default)]
pub(crate) struct TestRuntime {
    pub sink: Mutex<Option<Arc<dyn FactSink>>>,
    pub performed: Mutex<Vec<Action>>,
    /// Instances as a restarted runtime finds them.
    pub instances: Mutex<Vec<InstanceFacts>>,
    /// Starts never answer.
    pub stuck: AtomicBool,
    /// Probes never answer.
    pub deaf: AtomicBool,
}

impl TestRuntime {
    /// The end of the first instance of a container.
    pub(crate) async fn exit(&self, uid: &PodUid, container: &str, code: i32) {
        self.exit_of(uid, container, 0, code).await;
    }

    pub(crate) async fn exit_of(&self, uid: &PodUid, container: &str, attempt: u32, code: i32) {
        let status = ExitStatus {
            code,
            signal: 0,
            oom_killed: false,
        };
        let exit = Exit {
            status,
            finished_at: Timestamp(i64::MAX / 2),
            message: String::new(),
        };
        let fact = Fact::ContainerExited {
            container: container.into(),
            attempt,
            container_id: "c".into(),
            started_at: Timestamp(1),
            exit,
            observation: Observation::Direct,
        };
        self.tell(uid, fact).await;
    }

    pub(crate) async fn tell(&self, uid: &PodUid, fact: Fact) {
        let sink = self.sink.lock().clone().expect("recovered");
        sink.deliver(uid.clone(), fact).await;
    }

    /// How often an operation of that kind was asked for.
    pub(crate) fn count(&self, wanted: impl Fn(&Action) -> bool) -> usize {
        let performed = self.performed.lock();
        performed.iter().filter(|action| wanted(action)).count()
    }
}

impl Runtime for TestRuntime {
    fn info(&self) -> RuntimeInfo {
        RuntimeInfo {
            name: "test".into(),
            version: "0".into(),
        }
    }

    fn recover(
        &self,
        known: Vec<KnownPod>,
        sink: Arc<dyn FactSink>,
    ) -> BoxFuture<'_, Result<Vec<(PodUid, Fact)>, RuntimeLost>> {
        *self.sink.lock() = Some(sink);
        let instances = self.instances.lock().clone();
        let facts = known.into_iter().map(|k| {
            (
                k.pod.uid,
                Fact::Recovered {
                    sandbox: Some(vec![]),
                    instances: instances.clone(),
                },
            )
        });
        let facts = facts.collect();
        Box::pin(async move { Ok(facts) })
    }

    fn perform(&self, effect: Effect) -> BoxFuture<'_, Option<Fact>> {
        self.performed.lock().push(effect.action.clone());
        let op = effect.op;
        Box::pin(async move {
            Some(match effect.action {
                Action::CreateSandbox { .. } => Fact::SandboxReady { op, ips: vec![] },
                Action::EnsureImage { .. } => {
                    let source = ImageSource::Present;
                    Fact::ImageReady {
                        op,
                        image_id: "i".into(),
                        image_ref: "r".into(),
                        source,
                    }
                }
                Action::StartContainer { .. } if self.stuck.load(Ordering::SeqCst) => {
                    std::future::pending().await
                }
                Action::StartContainer { .. } => Fact::ContainerStarted {
                    op,
                    container_id: "c".into(),
                    at: Timestamp(1),
                },
                Action::StopContainer {
                    container, attempt, ..
                }
                | Action::KillContainer {
                    container, attempt, ..
                } => {
                    self.exit_of(&effect.pod.uid, &container, attempt, 0).await;
                    return None;
                }
                Action::RemoveSandbox { purge } => Fact::SandboxRemoved { op, purged: purge },
                Action::PurgePod => Fact::PodPurged { op },
                Action::RunProbe { .. } if self.deaf.load(Ordering::SeqCst) => {
                    std::future::pending().await
                }
                Action::RunProbe { .. } => Fact::ProbeFinished {
                    op,
                    outcome: Outcome::Failure {
                        message: "no".into(),
                    },
                },
                Action::RunHook { .. } => return None,
            })
        })
    }

    fn detach(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

pub(crate) async fn start(journal: &MemoryJournal, runtime: &Arc<TestRuntime>) -> Engine {
    start_with(journal, runtime, Settings::default()).await
}

pub(crate) async fn start_with(
    journal: &MemoryJournal,
    runtime: &Arc<TestRuntime>,
    rules: Settings,
) -> Engine {
    let config = EngineConfig {
        tail: 8,
        store_retry: Duration::from_millis(5),
        rules,
        ..EngineConfig::default()
    };
    let runtime: Arc<dyn Runtime> = Arc::clone(runtime) as _;
    Engine::start(config, Box::new(journal.clone()), runtime, None)
        .await
        .expect("starts")
}

pub(crate) fn pod(name: &str) -> NewPod {
    let container = ContainerSpec {
        name: "c1".into(),
        image: "app".into(),
        ..ContainerSpec::default()
    };
    NewPod {
        key: PodKey::new("default", name),
        uid: PodUid::from(format!("uid-{name}").as_str()),
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        finalizers: vec![],
        spec: PodSpec {
            containers: vec![container],
            restart_policy: RestartPolicy::Never,
            termination_grace_period: Duration::from_secs(30),
            ..PodSpec::default()
        },
        node: "node".into(),
    }
}
