//! What a restart knows and does, also when the store cannot write then.

use super::*;

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
async fn a_repeated_request_is_answered_in_full_after_a_restart() {
    let (journal, runtime) = (MemoryJournal::default(), Arc::new(TestRuntime::default()));
    let engine = start(&journal, &runtime).await;
    let handle = engine.handle();
    for name in ["a", "b"] {
        handle
            .create(pod(name), None, String::new())
            .await
            .expect("created");
        running(&handle, name).await;
    }
    let gone = |handle: EngineHandle| async move {
        let answer = handle.delete(target("a"), Some(0), key("r1", 1), String::new());
        let answer = answer.await.expect("answered");
        (answer.pod.revision, answer.revision, answer.removed)
    };
    let nothing = |handle: EngineHandle| async move {
        let update = Update::default();
        let answer = handle.update(target("b"), update, key("r2", 2), String::new());
        let answer = answer.await.expect("answered");
        (answer.pod.revision, answer.revision, answer.removed)
    };
    let first = (gone(handle.clone()).await, nothing(handle).await);
    assert!(first.0.2, "forced");
    engine.shutdown().await;
    let engine = start(&journal, &runtime).await;
    let handle = engine.handle();
    let again = (gone(handle.clone()).await, nothing(handle).await);
    assert_eq!(first, again);
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
    let starts = restarted.count(starts_container);
    assert_eq!(starts, 0, "nothing is started that has run");
    engine.shutdown().await;
}

/// A journal with a pod that runs and one whose start was never answered.
async fn one_runs_and_one_is_owed() -> MemoryJournal {
    let (journal, runtime) = (MemoryJournal::default(), Arc::new(TestRuntime::default()));
    let engine = start(&journal, &runtime).await;
    let handle = engine.handle();
    let created = handle.create(pod("ran"), None, String::new()).await;
    created.expect("created");
    running(&handle, "ran").await;
    runtime.stuck.store(true, Ordering::SeqCst);
    let created = handle.create(pod("owed"), None, String::new()).await;
    created.expect("created");
    level("both starts", || runtime.count(starts_container) == 2).await;
    engine.shutdown().await;
    journal
}

#[tokio::test]
async fn a_start_on_a_full_disk_serves_reads_and_goes_on_by_itself() {
    let journal = one_runs_and_one_is_owed().await;
    journal.broken.store(true, Ordering::SeqCst);
    // What ran is gone, which is to be recorded.
    let runtime = Arc::new(TestRuntime::default());
    let engine = tokio::time::timeout(DEADLINE, start(&journal, &runtime)).await;
    let engine = engine.expect("ready although nothing can be written");
    let handle = engine.handle();
    let phases = || (phase(&handle, "ran"), phase(&handle, "owed"));
    assert_eq!(phases(), (Some(Phase::Running), Some(Phase::Pending)));
    let refused = handle.create(pod("b"), None, String::new()).await;
    assert!(
        matches!(refused, Err(SubmitError::Unavailable { .. })),
        "{refused:?}"
    );
    let performed = || runtime.count(|_| true);
    assert_eq!(
        performed(),
        0,
        "nothing is done on the word of an old record"
    );
    journal.broken.store(false, Ordering::SeqCst);
    level("it goes on by itself", || {
        phases() == (Some(Phase::Failed), Some(Phase::Running))
    })
    .await;
    assert_eq!(runtime.count(starts_container), 1, "what was owed, once");
    engine.shutdown().await;
}

#[tokio::test]
async fn a_start_on_a_full_disk_can_be_stopped() {
    let journal = one_runs_and_one_is_owed().await;
    journal.broken.store(true, Ordering::SeqCst);
    let runtime = Arc::new(TestRuntime::default());
    let stopped = async { start(&journal, &runtime).await.shutdown().await };
    let stopped = tokio::time::timeout(DEADLINE, stopped).await;
    stopped.expect("it stops");
}
