//! Init containers and sidecars.

use super::*;

#[test]
fn init_containers_run_one_after_the_other() {
    let mut s = spec(RestartPolicy::Never, vec![container("c1")]);
    s.init_containers = vec![container("i1"), container("i2")];
    let mut w = World::ready(s);
    for name in ["i1", "i2"] {
        w.start();
        assert_eq!(
            (w.phase(), w.waiting("c1").0.as_str()),
            ("Pending", "PodInitializing")
        );
        assert!(w.owed.is_empty());
        w.exit(name, 0);
    }
    w.start();
    assert_eq!(w.phase(), "Running");
}

fn with_inits(policy: RestartPolicy, inits: Vec<ContainerSpec>) -> World {
    let mut s = spec(policy, vec![container("c1")]);
    s.init_containers = inits;
    World::ready(s)
}

#[test]
fn a_failing_init_container_is_tried_again_and_keeps_the_pod_pending() {
    for policy in [RestartPolicy::Always, RestartPolicy::OnFailure] {
        let mut w = with_inits(policy, vec![container("i1"), container("i2")]);
        for _ in 0..3 {
            w.start();
            w.exit("i1", 1);
            assert_eq!(w.phase(), "Pending");
            w.pass(300);
        }
        assert_eq!(w.waiting("i2").0, "PodInitializing");
        w.start();
        w.exit("i1", 0);
        assert!(w.container("i1").ready);
        w.claim(
            "image of i2",
            |a| matches!(a, Action::EnsureImage { container } if container == "i2"),
        );
    }
}

#[test]
fn a_failing_init_container_fails_a_pod_that_never_restarts() {
    let mut w = with_inits(RestartPolicy::Never, vec![container("i1"), container("i2")]);
    w.start();
    w.exit("i1", 3);
    assert_eq!(w.phase(), "Failed");
    w.clean_up();
    assert_eq!(w.waiting("c1").0, "PodInitializing", "never had its turn");
}

#[test]
fn an_init_container_follows_its_own_policy_and_rules() {
    let mut i1 = container("i1");
    i1.restart_policy = Some(RestartPolicy::Never);
    i1.restart_policy_rules = vec![rule(RestartRuleAction::Restart, 42)];
    let mut w = with_inits(RestartPolicy::Always, vec![i1]);
    w.start();
    w.exit("i1", 42);
    w.start();
    w.exit("i1", 1);
    assert_eq!(w.phase(), "Failed");
}

#[test]
fn init_containers_never_run_again_when_a_regular_one_crashes() {
    let mut w = with_inits(RestartPolicy::Always, vec![container("i1")]);
    w.start();
    w.exit("i1", 0);
    w.start();
    for _ in 0..4 {
        w.exit("c1", 1);
        w.pass(300);
        w.start();
    }
    assert_eq!(w.container("i1").restart_count, 0);
    assert_eq!(w.condition("Initialized").0, Truth::True);
}
