//! Restarts of the server, lost sandboxes.

use super::*;

#[test]
fn recovery_finds_exits_and_keeps_survivors() {
    use crate::input::InstanceFacts;
    let mut w = World::new(spec(
        RestartPolicy::Never,
        vec![container("c1"), container("c2")],
    ));
    w.sandbox();
    w.start();
    w.start();
    let facts = |name: &str, exit| InstanceFacts {
        container: name.into(),
        attempt: 0,
        container_id: "c".into(),
        started_at: Timestamp::from_secs(1000),
        exit,
    };
    let status = ExitStatus {
        code: 4,
        signal: 0,
        oom_killed: false,
    };
    let exit = Exit {
        status,
        finished_at: Timestamp::from_secs(1003),
        message: String::new(),
    };
    w.now = Timestamp::from_secs(1100);
    let instances = vec![facts("c1", Some(exit)), facts("c2", None)];
    w.fact(Fact::Recovered {
        sandbox: Some(vec![]),
        instances: instances.clone(),
    });
    let c1 = &w.pod.status().containers[0];
    assert!(matches!(&c1.state, ContainerState::Terminated(f)
        if f.exit.status.code == 4 && f.exit.finished_at == Timestamp::from_secs(1003)));
    assert_eq!(w.phase(), "Running");
    let len = w.log.len();
    w.fact(Fact::Recovered {
        sandbox: Some(vec![]),
        instances,
    });
    assert_eq!(w.log.len(), len, "told twice, recorded once");
}

#[test]
fn ends_that_come_together_keep_their_own_times_and_causes() {
    let mut w = World::new(spec(
        RestartPolicy::Never,
        vec![container("c1"), container("c2"), container("c3")],
    ));
    w.sandbox();
    for _ in 0..3 {
        w.start();
    }
    let started_at = w.now;
    w.now = w.now + Duration::from_secs(600);
    let instance = |name: &str, after: u64| crate::input::InstanceFacts {
        container: name.into(),
        attempt: 0,
        container_id: "c".into(),
        started_at,
        exit: Some(Exit {
            status: ExitStatus::default(),
            finished_at: started_at + Duration::from_secs(after),
            message: String::new(),
        }),
    };
    let (sandbox, instances) = (Some(vec![]), vec![instance("c1", 60), instance("c2", 360)]);
    w.fact(Fact::Recovered { sandbox, instances });
    let told: Vec<_> = w
        .ends
        .iter()
        .map(|t| {
            let after = t.occurred_at.since(started_at).as_secs();
            (after, t.observation, t.cause.kind)
        })
        .collect();
    let recovered = Observation::RecoveredAfterRestart;
    assert_eq!(
        told,
        [
            (60, recovered, CauseKind::Recovery),
            (360, recovered, CauseKind::Recovery),
            (600, Observation::Inferred, CauseKind::Recovery),
        ]
    );
}

#[test]
fn a_sandbox_that_recovery_does_not_find_is_lost() {
    let mut w = World::new(spec(RestartPolicy::Always, vec![container("c1")]));
    w.sandbox();
    w.start();
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
    let mut w = World::new(s);
    w.sandbox();
    for round in 0..3 {
        w.start();
        assert_eq!(w.phase(), "Pending", "while an init container runs");
        let exit = w.exit_fact("i1", round, 0);
        w.fact(exit);
        w.start();
        if round > 1 {
            assert_eq!(w.waiting("c1").0, "CrashLoopBackOff");
            w.pass(10);
        }
        w.start();
        assert_eq!(w.phase(), "Running");
        let message = String::new();
        w.fact(Fact::SandboxLost { message });
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
    let mut w = World::new(spec(RestartPolicy::Always, vec![container("c1")]));
    w.sandbox();
    w.start();
    w.fact(Fact::SandboxLost {
        message: "shim died".into(),
    });
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
    let mut w = World::new(spec(RestartPolicy::Never, vec![container("c1")]));
    w.sandbox();
    w.start();
    w.fact(Fact::SandboxLost {
        message: "shim died".into(),
    });
    assert_eq!(w.phase(), "Failed");
    w.clean_up();
    assert!(w.owed.is_empty());
}

#[test]
fn a_sandbox_lost_during_a_pull_begins_again_with_the_init_containers() {
    let mut s = spec(RestartPolicy::Always, vec![container("c1")]);
    s.init_containers = vec![container("i1")];
    let mut w = World::new(s);
    w.sandbox();
    w.start();
    let exit = w.exit_fact("i1", 0, 0);
    w.fact(exit);
    let op = w.claim(
        "image of c1",
        |a| matches!(a, Action::EnsureImage { container } if container == "c1"),
    );
    w.fact(Fact::SandboxLost {
        message: "shim died".into(),
    });
    let (image_id, image_ref) = ("i".into(), "r".into());
    w.fact(Fact::ImageReady {
        op,
        image_id,
        image_ref,
        source: ImageSource::Present,
    });
    w.sandbox();
    w.claim(
        "image of i1",
        |a| matches!(a, Action::EnsureImage { container } if container == "i1"),
    );
    assert!(w.owed.is_empty(), "c1 waits for i1: {:?}", w.owed);
}
