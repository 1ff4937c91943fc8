//! Deadlines and attempts of probes.

use super::*;

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
    level("attempts go on", || failures() >= 2).await;
    assert_eq!(handle.revision(), revision);
    assert_eq!(journal.commits.load(Ordering::SeqCst), commits);
    engine.shutdown().await;
}

#[tokio::test]
async fn a_deadline_at_which_nothing_can_be_done_does_not_lose_the_next() {
    let (journal, runtime) = (MemoryJournal::default(), Arc::new(TestRuntime::default()));
    let rules = Settings {
        max_restart_delay: Duration::from_millis(100),
        contact_limit: Duration::from_millis(400),
    };
    let engine = start_with(&journal, &runtime, rules).await;
    let handle = engine.handle();
    let mut pod = pod("a");
    pod.spec.restart_policy = RestartPolicy::Always;
    let created = handle.create(pod, None, String::new()).await;
    let uid = created.expect("created").pod.meta.uid.clone();
    for attempt in 0..2 {
        level("it starts", || {
            runtime.count(starts_container) > attempt as usize
                && phase(&handle, "a") == Some(Phase::Running)
        })
        .await;
        runtime.exit_of(&uid, "c1", attempt, 1).await;
    }
    // Its back-off ends while nobody knows what there is: nothing begins, and nothing more is told.
    let message = "no answer".into();
    runtime.tell(&uid, Fact::ContactLost { message }).await;
    level("the outage is noticed", || {
        phase(&handle, "a") == Some(Phase::Unknown)
    })
    .await;
    assert_eq!(runtime.count(starts_container), 2);
    runtime.tell(&uid, Fact::ContactRestored).await;
    level("it starts again", || runtime.count(starts_container) == 3).await;
    engine.shutdown().await;
}

#[tokio::test]
async fn a_request_that_changes_nothing_leaves_the_timers_of_its_turn() {
    let (journal, runtime) = (MemoryJournal::default(), Arc::new(TestRuntime::default()));
    runtime.deaf.store(true, Ordering::SeqCst);
    let engine = start(&journal, &runtime).await;
    let handle = engine.handle();
    let created = handle.create(unready("a"), None, String::new()).await;
    let uid = created.expect("created").pod.meta.uid.clone();
    let attempts = || runtime.count(|action| matches!(action, Action::RunProbe { .. }));
    level("the first attempt", || attempts() == 1).await;

    // The answer to the attempt and the request come into one turn: another commit takes long.
    journal.held.store(true, Ordering::SeqCst);
    let tries = journal.tries.load(Ordering::SeqCst);
    let other = tokio::spawn({
        let handle = handle.clone();
        async move { handle.create(pod("b"), None, String::new()).await }
    });
    level("the commit is under way", || {
        journal.tries.load(Ordering::SeqCst) > tries
    })
    .await;
    let outcome = Outcome::Failure {
        message: "no".into(),
    };
    // Number of the first attempt of any probe.
    let op = OpId(1 << 63 | 1);
    runtime
        .tell(&uid, Fact::ProbeFinished { op, outcome })
        .await;
    let nothing = handle.update(target("a"), Update::default(), key("r1", 1), String::new());
    let mut nothing = std::pin::pin!(nothing);
    assert!(futures::poll!(nothing.as_mut()).is_pending());
    journal.held.store(false, Ordering::SeqCst);
    nothing.await.expect("answered");
    other.await.expect("no panic").expect("created");
    level("the next attempt", || attempts() == 2).await;
    engine.shutdown().await;
}
