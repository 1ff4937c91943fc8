//! The engine with a journal and a runtime of the test.

mod restarts;
mod support;
mod timers;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use lifepod_engine::{Cursor, EngineHandle, RequestKey, SubmitError, Target, WatchEnd};
use lifepod_lifecycle::{
    NewPod, Settings,
    effect::Action,
    id::{OpId, PodKey, Revision},
    input::{Exit, Fact, InstanceFacts, Outcome, Update},
    port::Record,
    spec::{ContainerSpec, Handler, Probe, RestartPolicy},
    status::Phase,
    time::Timestamp,
    transition::ExitStatus,
};
use support::{MemoryJournal, TestRuntime, pod, start, start_with};

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
async fn until(cursor: &mut Cursor, mut wanted: impl FnMut(&Record) -> bool) -> Arc<Record> {
    loop {
        let before = cursor.position();
        let record = next(cursor).await;
        assert_eq!(record.revision, before.next(), "gap-free");
        if wanted(&record) {
            return record;
        }
    }
}

/// Waits until something holds.
async fn level(what: &str, holds: impl Fn() -> bool) {
    let end = tokio::time::Instant::now() + DEADLINE;
    while !holds() {
        assert!(tokio::time::Instant::now() < end, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn phase(handle: &EngineHandle, name: &str) -> Option<Phase> {
    let pod = handle.get(&PodKey::new("default", name))?;
    Some(pod.status().phase)
}

const fn starts_container(action: &Action) -> bool {
    matches!(action, Action::StartContainer { .. })
}

async fn running(handle: &EngineHandle, name: &str) {
    let mut cursor = handle.watch(Revision(0));
    let key = PodKey::new("default", name);
    until(&mut cursor, |r| {
        r.pod.meta.key == key && r.pod.status().phase == Phase::Running
    })
    .await;
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
async fn the_ends_of_many_containers_are_told_one_by_one_and_all() {
    let (journal, runtime) = (MemoryJournal::default(), Arc::new(TestRuntime::default()));
    let engine = start(&journal, &runtime).await;
    let handle = engine.handle();
    let mut many = pod("a");
    let container = many.spec.containers[0].clone();
    many.spec.containers = (0..80)
        .map(|n| ContainerSpec {
            name: format!("c{n}"),
            ..container.clone()
        })
        .collect();
    let created = handle.create(many, None, String::new()).await;
    let uid = created.expect("created").pod.meta.uid.clone();
    running(&handle, "a").await;
    let mut cursor = handle.watch(handle.revision());
    let message = "shim died".into();
    runtime.tell(&uid, Fact::SandboxLost { message }).await;
    let mut ends = 0;
    until(&mut cursor, |record| {
        let told = record.transitions.iter().filter(|t| t.exit.is_some());
        let told = told.count();
        assert!(told <= 1, "each end is a revision of its own");
        ends += told;
        record.pod.status().phase == Phase::Failed
    })
    .await;
    assert_eq!(ends, 80);
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
