//! A runtime that answers at once: containers run until a test ends them, commands are
//! processes of this machine, logs are files the tests write.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use lifepod_lifecycle::{
    effect::{Action, Effect, PodRef},
    id::PodUid,
    input::{Exit, Fact, ImageSource, InstanceFacts},
    port::{BoxFuture, FactSink, KnownPod, Runtime, RuntimeInfo, RuntimeLost},
    time::Timestamp,
    transition::{ExitStatus, Observation},
};
use parking_lot::Mutex;

/// Attempt of each running instance, by pod and container.
type Running = BTreeMap<(PodUid, String), u32>;

pub(crate) struct TestRuntime {
    sink: Mutex<Option<Arc<dyn FactSink>>>,
    running: Mutex<Running>,
    /// Containers obey the stop signal at once.
    pub obedient: AtomicBool,
    /// Sandboxes are never ready.
    pub stuck: AtomicBool,
    /// Sandboxes that were asked for meanwhile.
    pub waiting: AtomicUsize,
    pub logs: PathBuf,
    pub images: super::images::TestImages,
}

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanos = since.expect("after the epoch").as_nanos();
    Timestamp(i64::try_from(nanos).expect("within range"))
}

/// Id of an instance.
pub(crate) fn container_id(uid: &PodUid, container: &str, attempt: u32) -> String {
    format!("{uid}-{container}-{attempt}")
}

impl TestRuntime {
    pub(crate) fn new(logs: PathBuf) -> Self {
        Self {
            sink: Mutex::default(),
            running: Mutex::default(),
            obedient: AtomicBool::new(true),
            stuck: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            logs,
            images: super::images::TestImages::default(),
        }
    }

    /// Ends the running instance of a container.
    pub(crate) async fn exit(&self, uid: &PodUid, container: &str, code: i32) {
        let key = (uid.clone(), container.to_owned());
        let Some(attempt) = self.running.lock().remove(&key) else {
            return;
        };
        let fact = Fact::ContainerExited {
            container: container.to_owned(),
            attempt,
            container_id: container_id(uid, container, attempt),
            started_at: now(),
            exit: Exit {
                status: ExitStatus {
                    code,
                    signal: 0,
                    oom_killed: false,
                },
                finished_at: now(),
                message: String::new(),
            },
            observation: Observation::Direct,
        };
        let sink = self.sink.lock().clone().expect("recovered");
        sink.deliver(uid.clone(), fact).await;
    }

    pub(crate) fn log_path(&self, uid: &str, container: &str, attempt: u32) -> PathBuf {
        let dir = self.logs.join(uid).join(container);
        dir.join(format!("{attempt}.log"))
    }

    async fn act(
        &self,
        pod: &PodRef,
        action: Action,
        op: lifepod_lifecycle::id::OpId,
    ) -> Option<Fact> {
        match action {
            Action::CreateSandbox { .. } => {
                if self.stuck.load(Ordering::SeqCst) {
                    self.waiting.fetch_add(1, Ordering::SeqCst);
                    std::future::pending::<()>().await;
                }
                let ips = vec!["10.88.0.7".parse().expect("an address")];
                Some(Fact::SandboxReady { op, ips })
            }
            Action::EnsureImage { .. } => Some(Fact::ImageReady {
                op,
                image_id: super::images::ID.to_owned(),
                image_ref: "docker.io/library/app@sha256:00".to_owned(),
                source: ImageSource::Present,
            }),
            Action::StartContainer {
                container, attempt, ..
            } => {
                let id = container_id(&pod.uid, &container, attempt);
                self.running
                    .lock()
                    .insert((pod.uid.clone(), container), attempt);
                Some(Fact::ContainerStarted {
                    op,
                    container_id: id,
                    at: now(),
                })
            }
            Action::StopContainer { container, .. } => {
                if self.obedient.load(Ordering::SeqCst) {
                    self.exit(&pod.uid, &container, 0).await;
                }
                None
            }
            Action::KillContainer { container, .. } => {
                self.exit(&pod.uid, &container, 137).await;
                None
            }
            Action::RemoveSandbox { purge } => Some(Fact::SandboxRemoved { op, purged: purge }),
            Action::PurgePod => Some(Fact::PodPurged { op }),
            Action::RunHook { .. } | Action::RunProbe { .. } => None,
        }
    }
}

impl Runtime for TestRuntime {
    fn info(&self) -> RuntimeInfo {
        RuntimeInfo {
            name: "test".to_owned(),
            version: "7".to_owned(),
        }
    }

    fn recover(
        &self,
        known: Vec<KnownPod>,
        sink: Arc<dyn FactSink>,
    ) -> BoxFuture<'_, Result<Vec<(PodUid, Fact)>, RuntimeLost>> {
        *self.sink.lock() = Some(sink);
        let running = self.running.lock().clone();
        let fact = move |pod: KnownPod| {
            let uid = pod.pod.uid.clone();
            let of_pod = running.iter().filter(|((owner, _), _)| *owner == uid);
            let instances = of_pod.map(|((_, container), attempt)| InstanceFacts {
                container: container.clone(),
                attempt: *attempt,
                container_id: container_id(&uid, container, *attempt),
                started_at: now(),
                exit: None,
            });
            let instances = instances.collect();
            let sandbox = Some(vec!["10.88.0.7".parse().expect("an address")]);
            (uid, Fact::Recovered { sandbox, instances })
        };
        let facts = known.into_iter().map(fact).collect();
        Box::pin(async move { Ok(facts) })
    }

    fn perform(&self, effect: Effect) -> BoxFuture<'_, Option<Fact>> {
        Box::pin(async move { self.act(&effect.pod, effect.action, effect.op).await })
    }

    fn detach(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}
