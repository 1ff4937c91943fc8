//! Start, run, complete.

use super::*;

#[test]
fn a_pod_runs_to_completion() {
    let mut w = World::new(spec(RestartPolicy::Never, vec![container("c1")]));
    assert_eq!(w.phase(), "Pending");
    w.sandbox();
    w.start();
    assert_eq!(w.phase(), "Running");
    w.exit("c1", 0);
    assert_eq!(w.phase(), "Succeeded");
    w.clean_up();
    assert_eq!(
        w.log,
        [
            "object: Created",
            "c1#0: Waiting(ContainerCreating)",
            "phase: Pending",
            "c1#0: Creating(ContainerCreating)",
            "c1#0: Running",
            "phase: Running",
            "c1#0: Exited(Completed)",
            "phase: Succeeded",
        ]
    );
    let ready = w
        .pod
        .status()
        .conditions
        .into_iter()
        .find(|c| c.kind == "Ready")
        .unwrap();
    assert_eq!(
        (ready.status, &*ready.reason),
        (Truth::False, "PodCompleted")
    );
    w.delete(None);
    assert!(!w.pod.is_visible());
    let op = w.claim("purge", |a| matches!(a, Action::PurgePod));
    w.fact(Fact::PodPurged { op });
    assert!(w.removed && w.owed.is_empty());
}

#[test]
fn a_failed_exit_fails_the_pod() {
    let mut w = World::running(spec(
        RestartPolicy::Never,
        vec![container("c1"), container("c2")],
    ));
    w.exit("c1", 3);
    assert_eq!(w.phase(), "Running");
    w.exit("c2", 0);
    assert_eq!(w.phase(), "Failed");
}

#[test]
fn an_exit_that_overtakes_its_start_is_told_after_it() {
    let mut w = World::ready(spec(RestartPolicy::Never, vec![container("c1")]));
    w.image();
    let op = w.claim("start", |a| matches!(a, Action::StartContainer { .. }));
    w.exit("c1", 0);
    let at = w.now;
    w.fact(Fact::ContainerStarted {
        op,
        container_id: "late".into(),
        at,
    });
    let tail: Vec<_> = w.log[w.log.len() - 4..]
        .iter()
        .map(String::as_str)
        .collect();
    assert_eq!(
        tail,
        [
            "c1#0: Running",
            "phase: Running",
            "c1#0: Exited(Completed)",
            "phase: Succeeded"
        ]
    );
    assert_eq!(w.ends[0].cause.kind, CauseKind::ContainerExit);
}

#[test]
fn a_start_error_never_restarts_under_never() {
    let mut w = World::ready(spec(RestartPolicy::Never, vec![container("c1")]));
    w.image();
    w.start_fails(StartFailure::Start, "no such file");
    assert_eq!(w.phase(), "Failed");
    assert_eq!(w.log[w.log.len() - 2], "c1#0: Exited(StartError)");
}

#[test]
fn a_start_error_under_always_waits_as_run_container_error() {
    let mut w = World::ready(spec(RestartPolicy::Always, vec![container("c1")]));
    for round in 0..2 {
        w.image();
        w.start_fails(StartFailure::Start, "no");
        assert_eq!(w.phase(), "Running");
        let expected = if round == 0 {
            "RunContainerError"
        } else {
            "CrashLoopBackOff"
        };
        assert_eq!(w.waiting("c1").0, expected);
    }
}

#[test]
fn the_active_deadline_fails_the_pod_with_its_reason() {
    let mut s = spec(RestartPolicy::Always, vec![container("c1")]);
    s.active_deadline = Some(Duration::from_secs(5));
    let mut w = World::ready(s);
    w.start();
    w.pass(5);
    w.stop("c1");
    assert_eq!(w.phase(), "Running", "withheld until nothing runs");
    w.exit("c1", 0);
    assert_eq!(
        (w.phase(), &*w.pod.status().reason),
        ("Failed", "DeadlineExceeded")
    );
}
