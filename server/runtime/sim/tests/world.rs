//! What happens to pods over time, and what outlives the process: probe answers, lost sandboxes,
//! lost contact, vanished containers, the world on disk.

mod support;

use std::{path::Path, sync::Arc, time::Duration};

use lifepod_lifecycle::{
    Pod,
    effect::{Action, Effect, PodRef},
    id::{OpId, PodUid},
    input::{Fact, Outcome},
    port::{BoxFuture, FactSink, KnownPod, Runtime},
    spec::{Handler, TerminationMessagePolicy},
    time::Timestamp,
    transition::ProbeKind,
};
use lifepod_sim::{SimClock, SimRuntime};
use support::{ORIGIN, config, pod};
use tempfile::TempDir;
use tokio::sync::mpsc;

struct Facts(mpsc::Sender<Fact>);

impl FactSink for Facts {
    fn deliver(&self, _pod: PodUid, fact: Fact) -> BoxFuture<'_, ()> {
        Box::pin(async move { self.0.send(fact).await.expect("test listens") })
    }
}

/// A runtime with one pod in stepped time.
struct Site {
    runtime: SimRuntime,
    facts: mpsc::Receiver<Fact>,
    /// What was recovered of the pod.
    found: Fact,
    pod: PodRef,
    clock: SimClock,
    ops: u64,
}

impl Site {
    async fn open(folder: &Path, pod: &PodRef, now: Timestamp) -> Self {
        let clock = SimClock::stepped(now);
        let mut settings = config(clock.clone(), &folder.join("logs"));
        settings.state = Some(folder.join("state"));
        let runtime = SimRuntime::open(settings).expect("opens");
        let (sink, facts) = mpsc::channel(64);
        let known = vec![KnownPod { pod: pod.clone() }];
        let found = runtime.recover(known, Arc::new(Facts(sink))).await;
        Self {
            runtime,
            facts,
            found: found.expect("reachable").remove(0).1,
            pod: pod.clone(),
            clock,
            ops: 0,
        }
    }

    /// A site whose container runs.
    async fn started(folder: &Path, scripts: &[(&str, &str)]) -> Self {
        let mut new = pod("p", scripts);
        let policy = TerminationMessagePolicy::FallbackToLogsOnError;
        new.spec.containers[0].termination_message_policy = policy;
        let pod = Pod::create(new, ORIGIN).reference();
        let mut site = Self::open(folder, &pod, ORIGIN).await;
        site.perform(Action::CreateSandbox { attempt: 0 }).await;
        let container = "app".to_owned();
        let image = site.perform(Action::EnsureImage { container }).await;
        let Some(Fact::ImageReady { image_id, .. }) = image else {
            panic!("{image:?}");
        };
        let start = Action::StartContainer {
            container: "app".into(),
            attempt: 0,
            image_id,
        };
        let started = site.perform(start).await;
        assert!(
            matches!(started, Some(Fact::ContainerStarted { .. })),
            "{started:?}"
        );
        while site.facts.try_recv().is_ok() {}
        site
    }

    async fn perform(&mut self, action: Action) -> Option<Fact> {
        self.ops += 1;
        let effect = Effect {
            pod: self.pod.clone(),
            op: OpId(self.ops),
            action,
        };
        self.runtime.perform(effect).await
    }

    async fn probe(&mut self) -> Outcome {
        let action = Action::RunProbe {
            container: "app".into(),
            attempt: 0,
            container_id: String::new(),
            probe: ProbeKind::Readiness,
            handler: Handler::Exec { command: vec![] },
            timeout: Duration::from_secs(1),
        };
        match self.perform(action).await {
            Some(Fact::ProbeFinished { outcome, .. }) => outcome,
            other => panic!("{other:?}"),
        }
    }

    async fn pass(&self, seconds: u64) {
        self.clock
            .advance(Duration::from_secs(seconds), || false)
            .await;
    }
}

#[tokio::test]
async fn a_probe_answers_what_its_script_says_at_that_time() {
    let folder = TempDir::new().expect("temp dir");
    let scripts = [("app", "readiness=fail,10s:ok,20s:error")];
    let mut site = Site::started(folder.path(), &scripts).await;
    assert!(matches!(site.probe().await, Outcome::Failure { .. }));
    site.pass(10).await;
    assert_eq!(site.probe().await, Outcome::Success);
    site.pass(10).await;
    assert!(matches!(site.probe().await, Outcome::Error { .. }));
}

#[tokio::test]
async fn a_lost_sandbox_takes_its_containers_along() {
    let folder = TempDir::new().expect("temp dir");
    let mut site = Site::started(folder.path(), &[("sandbox", "lost=5s")]).await;
    site.pass(10).await;
    assert!(matches!(
        site.facts.try_recv(),
        Ok(Fact::SandboxLost { .. })
    ));
    assert!(
        site.facts.try_recv().is_err(),
        "the container ends without a word"
    );
    assert!(matches!(site.probe().await, Outcome::Error { .. }));
}

#[tokio::test]
async fn what_happens_out_of_contact_is_told_when_it_is_back() {
    let folder = TempDir::new().expect("temp dir");
    let scripts = [("app", "run=10s exit=4"), ("contact", "lost=5s back=30s")];
    let mut site = Site::started(folder.path(), &scripts).await;
    site.pass(20).await;
    assert!(matches!(
        site.facts.try_recv(),
        Ok(Fact::ContactLost { .. })
    ));
    assert!(
        site.facts.try_recv().is_err(),
        "nothing is heard of the exit"
    );
    site.pass(20).await;
    let told = site.facts.try_recv();
    let Ok(Fact::Recovered { instances, .. }) = told else {
        panic!("{told:?}");
    };
    let exit = instances[0].exit.as_ref().expect("ended");
    assert_eq!(exit.finished_at, ORIGIN + Duration::from_secs(10));
}

#[tokio::test]
async fn a_container_can_vanish() {
    let folder = TempDir::new().expect("temp dir");
    let mut site = Site::started(folder.path(), &[("app", "run=5s vanish")]).await;
    site.pass(6).await;
    let told = site.facts.try_recv();
    assert!(
        matches!(&told, Ok(Fact::Recovered { sandbox: Some(_), instances }) if instances.is_empty()),
        "{told:?}"
    );
}

#[tokio::test]
async fn pods_live_on_under_the_next_runtime() {
    let folder = TempDir::new().expect("temp dir");
    let scripts = [("app", "run=10s exit=1 log=last-words")];
    let site = Site::started(folder.path(), &scripts).await;
    let pod = site.pod.clone();
    site.pass(4).await;
    drop(site);

    let mut next = Site::open(folder.path(), &pod, ORIGIN + Duration::from_secs(5)).await;
    let Fact::Recovered {
        sandbox: Some(_),
        instances,
    } = &next.found
    else {
        panic!("{:?}", next.found);
    };
    assert_eq!((instances.len(), instances[0].exit.is_none()), (1, true));
    next.pass(5).await;
    let told = next.facts.try_recv();
    let Ok(Fact::ContainerExited { exit, .. }) = told else {
        panic!("{told:?}");
    };
    assert_eq!(exit.message, "last-words\n");
    assert_eq!(exit.finished_at, ORIGIN + Duration::from_secs(10));
}

#[tokio::test]
async fn what_ended_while_nobody_ran_has_ended_at_its_time() {
    let folder = TempDir::new().expect("temp dir");
    let site = Site::started(folder.path(), &[("app", "run=10s exit=1")]).await;
    let pod = site.pod.clone();
    drop(site);
    let later = ORIGIN + Duration::from_secs(60);
    let next = Site::open(folder.path(), &pod, later).await;
    let Fact::Recovered { instances, .. } = &next.found else {
        panic!("{:?}", next.found);
    };
    let exit = instances[0].exit.as_ref().expect("ended");
    assert_eq!(exit.finished_at, ORIGIN + Duration::from_secs(10));
    assert_eq!(
        SimRuntime::newest_time(&folder.path().join("state")),
        Some(later)
    );
}

fn newest(folder: &Path) -> Option<Timestamp> {
    SimRuntime::newest_time(&folder.join("state"))
}

#[tokio::test]
async fn the_time_at_the_end_is_written_down() {
    let folder = TempDir::new().expect("temp dir");
    let site = Site::started(folder.path(), &[]).await;
    site.pass(60).await;
    site.runtime.detach().await;
    assert_eq!(
        newest(folder.path()),
        Some(ORIGIN + Duration::from_secs(60))
    );
}

#[tokio::test]
async fn the_time_of_every_change_is_written_down_with_the_pod() {
    let folder = TempDir::new().expect("temp dir");
    let mut site = Site::started(folder.path(), &[("app", "run=10s exit=1")]).await;
    let clock = folder.path().join("state/clock");
    assert!(
        !clock.exists(),
        "there is nothing that the pod does not tell"
    );
    site.pass(10).await;
    assert_eq!(
        newest(folder.path()),
        Some(ORIGIN + Duration::from_secs(10))
    );

    let record = folder.path().join("state/pods").join(site.pod.uid.as_str());
    let written = || {
        record
            .metadata()
            .expect("is there")
            .modified()
            .expect("known")
    };
    let before = written();
    let kill = Action::KillContainer {
        container: "app".into(),
        attempt: 0,
        container_id: String::new(),
    };
    site.perform(kill).await;
    assert_eq!(written(), before, "nothing was changed by that");

    site.pass(5).await;
    site.perform(Action::PurgePod).await;
    assert!(!record.exists());
    assert_eq!(
        newest(folder.path()),
        Some(ORIGIN + Duration::from_secs(15))
    );
}
