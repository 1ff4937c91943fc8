//! Restarts of the server, lost sandboxes.

use super::*;

#[test]
fn recovery_finds_exits_and_keeps_survivors() {
    let mut w = World::running(spec(
        RestartPolicy::Never,
        vec![container("c1"), container("c2")],
    ));
    let started = w.now;
    w.now = started + Duration::from_secs(100);
    let exit = ended(started + Duration::from_secs(3), 4);
    let instances = vec![found("c1", started, Some(exit)), found("c2", started, None)];
    w.fact(recovered(instances.clone()));
    let c1 = &w.pod.status().containers[0];
    assert!(matches!(&c1.state, ContainerState::Terminated(f)
        if f.exit.status.code == 4 && f.exit.finished_at == Timestamp::from_secs(1003)));
    assert_eq!(w.phase(), "Running");
    let len = w.log.len();
    w.fact(recovered(instances));
    assert_eq!(w.log.len(), len, "told twice, recorded once");
}

#[test]
fn ends_that_come_together_keep_their_own_times_and_causes() {
    let mut w = World::running(spec(
        RestartPolicy::Never,
        vec![container("c1"), container("c2"), container("c3")],
    ));
    let started_at = w.now;
    w.now = w.now + Duration::from_secs(600);
    let ran = |name: &str, seconds| {
        let exit = ended(started_at + Duration::from_secs(seconds), 0);
        found(name, started_at, Some(exit))
    };
    w.fact(recovered(vec![ran("c1", 60), ran("c2", 360)]));
    let told: Vec<_> = w
        .ends
        .iter()
        .map(|t| {
            let after = t.occurred_at.since(started_at).as_secs();
            (after, t.observation, t.cause.kind)
        })
        .collect();
    let read = Observation::RecoveredAfterRestart;
    assert_eq!(
        told,
        [
            (60, read, CauseKind::Recovery),
            (360, read, CauseKind::Recovery),
            (600, Observation::Inferred, CauseKind::Recovery),
        ]
    );
}

#[test]
fn a_sandbox_that_recovery_does_not_find_is_lost() {
    let mut w = World::running(spec(RestartPolicy::Always, vec![container("c1")]));
    let (sandbox, instances) = (None, Vec::new());
    w.fact(Fact::Recovered { sandbox, instances });
    assert_eq!(w.events("SandboxChanged", "Pod sandbox changed"), 1);
    w.sandbox();
    w.start();
    assert_eq!(w.container("c1").restart_count, 1);
}

#[test]
fn a_new_sandbox_begins_with_the_init_containers_without_back_off() {
    let mut s = spec(RestartPolicy::Always, vec![container("c1")]);
    s.init_containers = vec![container("i1"), sidecar("s1")];
    let mut w = World::ready(s);
    for round in 0..3 {
        w.start();
        assert_eq!(w.phase(), "Pending", "while an init container runs");
        w.exit("i1", 0);
        w.start();
        if round > 1 {
            assert_eq!(w.waiting("c1").0, "CrashLoopBackOff");
            w.pass(10);
        }
        w.start();
        assert_eq!(w.phase(), "Running");
        w.lose_sandbox();
        assert_eq!(w.waiting("i1").0, "PodInitializing");
        w.sandbox();
    }
    let (initialized, count) = (
        w.condition("Initialized").0,
        w.container("s1").restart_count,
    );
    assert_eq!((initialized, count), (Truth::True, 2));
}

#[test]
fn a_lost_sandbox_is_made_again() {
    let mut w = World::running(spec(RestartPolicy::Always, vec![container("c1")]));
    w.lose_sandbox();
    assert!(
        w.log
            .contains(&"c1#0: Exited(ContainerStatusUnknown)".to_owned())
    );
    w.sandbox();
    w.start();
    assert_eq!(
        (w.phase(), w.pod.status().containers[0].restart_count),
        ("Running", 1)
    );
}

#[test]
fn a_lost_sandbox_ends_a_pod_that_never_restarts() {
    let mut w = World::running(spec(RestartPolicy::Never, vec![container("c1")]));
    w.lose_sandbox();
    assert_eq!(w.phase(), "Failed");
    w.clean_up();
    assert!(w.owed.is_empty());
}

#[test]
fn a_sandbox_lost_during_a_pull_begins_again_with_the_init_containers() {
    let mut s = spec(RestartPolicy::Always, vec![container("c1")]);
    s.init_containers = vec![container("i1")];
    let mut w = World::ready(s);
    w.start();
    w.exit("i1", 0);
    let op = w.claim(
        "image of c1",
        |a| matches!(a, Action::EnsureImage { container } if container == "c1"),
    );
    w.lose_sandbox();
    w.fact(image_ready(op));
    w.sandbox();
    w.claim(
        "image of i1",
        |a| matches!(a, Action::EnsureImage { container } if container == "i1"),
    );
    assert!(w.owed.is_empty(), "c1 waits for i1: {:?}", w.owed);
}
