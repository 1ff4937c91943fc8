//! The engine with a journal and a runtime of the test.

mod support;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use lifepod_engine::{Cursor, EngineHandle, RequestKey, SubmitError, Target, WatchEnd};
use lifepod_lifecycle::{
    NewPod,
    effect::Action,
    id::{PodKey, Revision},
    input::{Exit, InstanceFacts},
    port::Record,
    spec::{Handler, Probe},
    status::Phase,
    time::Timestamp,
    transition::ExitStatus,
};
use support::{MemoryJournal, TestRuntime, pod, start};

const DEADLINE: Duration = Duration::from_secs(10);

fn target(name: &str) -> Target {
    Target {
        key: PodKey::new("default", name),
        uid: None,
        revision: None,
    }
}

fn key(id: &str, fingerprint: u64) -> Option<RequestKey> {
    Some(RequestKey {
        id: id.into(),
        fingerprint,
    })
}

async fn next(cursor: &mut Cursor) -> Arc<Record> {
    tokio::time::timeout(DEADLINE, cursor.next())
        .await
        .expect("in time")
        .expect("open")
}

/// Reads until `wanted`, checking that no revision is missing or repeated.
async fn until(cursor: &mut Cursor, wanted: impl Fn(&Record) -> bool) -> Arc<Record> {
    loop {
        let before = cursor.position();
        let record = next(cursor).await;
        assert_eq!(record.revision, before.next(), "gap-free");
        if wanted(&record) {
            return record;
        }
    }
}

async fn running(handle: &EngineHandle, name: &str) {
    let mut cursor = handle.watch(Revision(0));
    let key = PodKey::new("default", name);
    until(&mut cursor, |r| {
        r.pod.meta.key == key && r.pod.status().phase == Phase::Running
    })
    .await;
}

/// A pod with a readiness probe that is attempted every second and fails.
fn unready(name: &str) -> NewPod {
    let mut pod = pod(name);
    pod.spec.containers[0].readiness_probe = Some(Probe {
        handler: Handler::Exec {
            command: vec!["check".into()],
        },
        initial_delay: Duration::ZERO,
        period: Duration::from_secs(1),
        timeout: Duration::from_secs(1),
        success_threshold: 1,
        failure_threshold: 100,
        termination_grace_period: None,
    });
    pod
}

#[tokio::test]
async fn attempts_of_probes_are_seen_as_events_and_cost_no_revision() {
    let (journal, runtime) = (MemoryJournal::default(), Arc::new(TestRuntime::default()));
    let engine = start(&journal, &runtime).await;
    let handle = engine.handle();
    let pod = unready("a");
    handle
        .create(pod, None, "me".into())
        .await
        .expect("created");
    running(&handle, "a").await;
    let (revision, commits) = (handle.revision(), journal.commits.load(Ordering::SeqCst));
    let key = PodKey::new("default", "a");
    let failures = || {
        let pod = handle.get(&key).expect("there");
        let mut events = pod
            .events()
            .iter()
            .filter(|event| event.reason == "Unhealthy");
        events.next().map_or(0, |event| event.count)
    };
    let end = tokio::time::Instant::now() + DEADLINE;
    while failures() < 2 {
        assert!(tokio::time::Instant::now() < end, "attempts go on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(handle.revision(), revision);
    assert_eq!(journal.commits.load(Ordering::SeqCst), commits);
    engine.shutdown().await;
}

#[tokio::test]
async fn a_pod_lives_and_goes() {
    let (journal, runtime) = (MemoryJournal::default(), Arc::new(TestRuntime::default()));
    let engine = start(&journal, &runtime).await;
    let handle = engine.handle();
    let created = handle
        .create(pod("a"), None, "me".into())
        .await
        .expect("created");
    assert_eq!(
        handle
            .get(&PodKey::new("default", "a"))
            .map(|p| p.meta.uid.clone()),
        Some(created.pod.meta.uid.clone())
    );
    let mut cursor = handle.watch(Revision(0));
    until(&mut cursor, |r| r.pod.status().phase == Phase::Running).await;
    runtime.exit(&created.pod.meta.uid, "c1", 0).await;
    let record = until(&mut cursor, |r| r.pod.status().phase == Phase::Succeeded).await;
    assert!(
        record
            .transitions
            .iter()
            .any(|t| t.exit.as_ref().is_some_and(|e| e.code == 0))
    );
    let deleted = handle
        .delete(target("a"), None, None, "me".into())
        .await
        .expect("deleted");
    assert!(deleted.removed);
    until(&mut cursor, |r| r.removed).await;
    assert!(handle.snapshot().pods.is_empty());
    engine.shutdown().await;
    assert!(matches!(cursor.next().await, Err(WatchEnd::Stopping)));
    assert!(matches!(
        handle.create(pod("b"), None, String::new()).await,
        Err(SubmitError::Stopping)
    ));
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer_even_after_a_restart() {
    let (journal, runtime) = (MemoryJournal::default(), Arc::new(TestRuntime::default()));
    let engine = start(&journal, &runtime).await;
    let handle = engine.handle();
    let first = handle
        .create(pod("a"), key("r1", 1), String::new())
        .await
        .expect("created");
    let mut again = pod("a");
    again.uid = "another".into();
    let second = handle
        .create(again.clone(), key("r1", 1), String::new())
        .await
        .expect("answered");
    assert_eq!(second.pod.meta.uid, first.pod.meta.uid);
    assert!(matches!(
        handle
            .create(again.clone(), key("r1", 2), String::new())
            .await,
        Err(SubmitError::RequestConflict { .. })
    ));
    assert!(matches!(
        handle.create(again.clone(), None, String::new()).await,
        Err(SubmitError::AlreadyExists { .. })
    ));
    handle
        .delete(target("a"), Some(5), None, String::new())
        .await
        .expect("deleted");
    engine.shutdown().await;

    let engine = start(&journal, &runtime).await;
    let third = engine
        .handle()
        .create(again, key("r1", 1), String::new())
        .await
        .expect("answered");
    assert_eq!(
        (third.pod.meta.uid.clone(), third.revision),
        (first.pod.meta.uid.clone(), first.revision)
    );
    engine.shutdown().await;
}

#[tokio::test]
async fn a_failed_commit_shows_nothing_and_loses_nothing() {
    let (journal, runtime) = (MemoryJournal::default(), Arc::new(TestRuntime::default()));
    let engine = start(&journal, &runtime).await;
    let handle = engine.handle();
    let created = handle
        .create(pod("a"), None, String::new())
        .await
        .expect("created");
    running(&handle, "a").await;
    let before = handle.revision();
    journal.broken.store(true, Ordering::SeqCst);
    let refused = handle.create(pod("b"), None, String::new()).await;
    assert!(
        matches!(refused, Err(SubmitError::Unavailable { .. })),
        "{refused:?}"
    );
    runtime.exit(&created.pod.meta.uid, "c1", 7).await;
    let refused = handle.create(pod("b"), None, String::new()).await;
    assert!(
        matches!(refused, Err(SubmitError::Unavailable { .. })),
        "{refused:?}"
    );
    assert_eq!(
        (handle.revision(), handle.snapshot().pods.len()),
        (before, 1)
    );
    journal.broken.store(false, Ordering::SeqCst);
    let mut cursor = handle.watch(before);
    let record = until(&mut cursor, |r| r.pod.status().phase == Phase::Failed).await;
    assert!(
        record
            .transitions
            .iter()
            .any(|t| t.exit.as_ref().is_some_and(|e| e.code == 7))
    );
    handle
        .create(pod("b"), None, String::new())
        .await
        .expect("created");
    engine.shutdown().await;
}

#[tokio::test]
async fn a_slow_watcher_reads_on_from_the_store() {
    let (journal, runtime) = (MemoryJournal::default(), Arc::new(TestRuntime::default()));
    let engine = start(&journal, &runtime).await;
    let handle = engine.handle();
    let mut cursor = handle.watch(Revision(0));
    for n in 0..40 {
        handle
            .create(pod(&format!("p{n}")), None, String::new())
            .await
            .expect("created");
    }
    running(&handle, "p39").await;
    let key = PodKey::new("default", "p39");
    until(&mut cursor, |r| {
        r.pod.meta.key == key && r.pod.status().phase == Phase::Running
    })
    .await;
    assert!(cursor.position().0 > 100);
    engine.shutdown().await;
}

#[tokio::test]
async fn what_was_owed_is_asked_for_again_and_what_ended_is_told() {
    let (journal, runtime) = (MemoryJournal::default(), Arc::new(TestRuntime::default()));
    let engine = start(&journal, &runtime).await;
    engine
        .handle()
        .create(pod("ran"), None, String::new())
        .await
        .expect("created");
    running(&engine.handle(), "ran").await;
    runtime.stuck.store(true, Ordering::SeqCst);
    engine
        .handle()
        .create(pod("stuck"), None, String::new())
        .await
        .expect("created");
    engine.shutdown().await;

    let status = ExitStatus {
        code: 3,
        signal: 0,
        oom_killed: false,
    };
    let exit = Exit {
        status,
        finished_at: Timestamp(5),
        message: String::new(),
    };
    let restarted = Arc::new(TestRuntime::default());
    restarted.instances.lock().push(InstanceFacts {
        container: "c1".into(),
        attempt: 0,
        container_id: "c".into(),
        started_at: Timestamp(1),
        exit: Some(exit),
    });
    let engine = start(&journal, &restarted).await;
    // Both pods are told the same facts: one ran to its end, the other's start had gone through.
    let failed = |name: &str| {
        engine
            .handle()
            .get(&PodKey::new("default", name))
            .is_some_and(|p| p.status().phase == Phase::Failed)
    };
    assert!(failed("ran") && failed("stuck"));
    let starts = restarted
        .performed
        .lock()
        .iter()
        .filter(|a| matches!(a, Action::StartContainer { .. }))
        .count();
    assert_eq!(starts, 0, "nothing is started that has run");
    engine.shutdown().await;
}

#[tokio::test]
async fn many_callers_share_commits() {
    let (journal, runtime) = (MemoryJournal::default(), Arc::new(TestRuntime::default()));
    let engine = start(&journal, &runtime).await;
    let handle = engine.handle();
    let creates = (0..300).map(|n| {
        let handle = handle.clone();
        async move {
            handle
                .create(pod(&format!("p{n}")), None, String::new())
                .await
        }
    });
    let answers = futures::future::join_all(creates).await;
    assert!(answers.iter().all(Result::is_ok));
    running(&handle, "p299").await;
    assert!(journal.commits.load(Ordering::SeqCst) < 300);
    engine.shutdown().await;
}
