//! Init containers with restart policy Always (spec §7.3, §8, §13.6).

use super::*;

fn world(
    policy: RestartPolicy,
    inits: Vec<ContainerSpec>,
    change: impl FnOnce(&mut PodSpec),
) -> World {
    let mut s = spec(policy, vec![container("c1")]);
    s.init_containers = inits;
    change(&mut s);
    World::ready(s)
}

#[test]
fn a_sidecar_releases_the_next_item_when_it_runs() {
    let inits = vec![container("i1"), sidecar("s1"), container("i2")];
    let mut w = world(RestartPolicy::Never, inits, |_| {});
    w.start();
    assert!(w.owed.is_empty(), "s1 waits for i1");
    w.exit("i1", 0);
    w.start();
    assert!(w.runs("s1"));
    assert_eq!(w.phase(), "Pending");
    w.start();
    assert_eq!(
        w.condition("Initialized"),
        (Truth::False, "ContainersNotInitialized".into())
    );
    w.exit("i2", 0);
    w.start();
    assert_eq!((w.phase(), w.runs("s1")), ("Running", true));
    assert_eq!(w.condition("Initialized").0, Truth::True);
    w.exit("c1", 0);
    assert_eq!(w.phase(), "Running", "the sidecar still runs");
    w.stop("s1");
    w.exit("s1", 1);
    assert_eq!(w.phase(), "Succeeded", "whatever the sidecar's code");
}

#[test]
fn a_sidecar_with_a_startup_probe_releases_only_when_started() {
    let mut s1 = sidecar("s1");
    s1.startup_probe = Some(exec_probe());
    let mut w = world(RestartPolicy::Always, vec![s1], |_| {});
    w.start();
    w.probe("s1", ProbeKind::Startup, failed(""));
    assert!(w.owed.is_empty(), "c1 waits");
    w.pass(10);
    w.probe("s1", ProbeKind::Startup, Outcome::Success);
    w.start();
    assert_eq!(w.phase(), "Running");
}

#[test]
fn the_readiness_of_a_sidecar_counts_for_the_pod() {
    let mut s1 = sidecar("s1");
    s1.readiness_probe = Some(exec_probe());
    let mut w = world(RestartPolicy::Always, vec![s1], |_| {});
    w.start();
    w.start();
    assert_eq!(w.condition("ContainersReady").0, Truth::False);
    w.probe("s1", ProbeKind::Readiness, Outcome::Success);
    assert_eq!(w.condition("Ready").0, Truth::True);
}

#[test]
fn a_sidecar_restarts_whatever_the_policy_and_undoes_nothing() {
    let inits = vec![sidecar("s1"), container("i1")];
    let mut w = world(RestartPolicy::Never, inits, |_| {});
    w.start();
    w.start();
    w.exit("s1", 1);
    w.start();
    w.exit("s1", 1);
    assert_eq!(w.waiting("s1").0, "CrashLoopBackOff");
    w.exit("i1", 0);
    w.start();
    assert!(
        w.runs("c1"),
        "c1 does not wait for a sidecar that ran before"
    );
    assert_eq!(w.container("i1").restart_count, 0);
    w.pass(10);
    w.start();
    assert_eq!(w.container("s1").restart_count, 2);
}

#[test]
fn a_sidecar_that_never_ran_holds_the_pod_up() {
    let mut w = world(RestartPolicy::Never, vec![sidecar("s1")], |_| {});
    w.image_fails(ImageFailure::ErrImagePull);
    assert_eq!(
        (w.phase(), w.waiting("s1").0.as_str()),
        ("Pending", "ImagePullBackOff")
    );
    assert!(w.owed.is_empty());
}

#[test]
fn liveness_of_a_sidecar_restarts_it_alone() {
    let mut s1 = sidecar("s1");
    s1.liveness_probe = Some(Probe {
        failure_threshold: 1,
        ..exec_probe()
    });
    let mut w = world(RestartPolicy::Never, vec![s1], |_| {});
    w.start();
    w.start();
    w.probe("s1", ProbeKind::Liveness, failed(""));
    assert_eq!(
        w.events("Killing", "Init container s1 failed liveness probe"),
        1
    );
    w.stop("s1");
    w.exit("s1", 137);
    w.start();
    assert_eq!(
        (
            w.container("s1").restart_count,
            w.container("c1").restart_count
        ),
        (1, 0)
    );
}

#[test]
fn sidecars_stop_last_in_reverse_order_with_all_hooks_at_once() {
    let hooked = |name: &str| {
        let mut c = sidecar(name);
        c.lifecycle.pre_stop = exec();
        c
    };
    let mut w = world(
        RestartPolicy::Always,
        vec![hooked("s1"), hooked("s2")],
        |_| {},
    );
    for _ in 0..3 {
        w.start();
    }
    w.delete(Some(30));
    w.stop("c1");
    w.hook("s1", Outcome::Success);
    w.hook("s2", Outcome::Success);
    assert!(w.owed.is_empty(), "they wait for c1: {:?}", w.owed);
    w.exit("c1", 0);
    w.stop("s2");
    assert!(w.owed.is_empty(), "s1 waits for s2");
    w.exit("s2", 0);
    w.stop("s1");
    w.exit("s1", 0);
    assert_eq!(w.phase(), "Succeeded");
    w.clean_up();
    assert!(w.removed);
}

#[test]
fn the_grace_period_is_one_for_all() {
    let mut w = world(
        RestartPolicy::Always,
        vec![sidecar("s1"), sidecar("s2")],
        |_| {},
    );
    for _ in 0..3 {
        w.start();
    }
    w.delete(Some(10));
    w.stop("c1");
    w.pass(9);
    assert!(w.owed.is_empty());
    w.pass(1);
    w.kill("c1");
    w.stop("s1");
    w.stop("s2");
    w.pass(1);
    assert!(w.owed.is_empty(), "two seconds at least");
    w.pass(1);
    w.kill("s1");
    w.kill("s2");
    for name in ["c1", "s1", "s2"] {
        w.exit(name, 137);
    }
    assert_eq!(w.phase(), "Failed");
}

#[test]
fn what_has_not_started_is_not_waited_for() {
    let mut s2 = sidecar("s2");
    s2.startup_probe = Some(exec_probe());
    let mut w = world(RestartPolicy::Always, vec![sidecar("s1"), s2], |_| {});
    w.start();
    w.start();
    w.delete(Some(180));
    w.stop("s2");
    w.exit("s2", 0);
    w.stop("s1");
    w.exit("s1", 0);
    assert_eq!(w.phase(), "Failed", "c1 never ran");
    w.clean_up();
    assert!(w.removed);
}

#[test]
fn a_failed_init_stops_the_sidecars_before_it() {
    let inits = vec![sidecar("s1"), container("i1")];
    let mut w = world(RestartPolicy::Never, inits, |_| {});
    w.start();
    w.start();
    w.exit("i1", 1);
    w.stop("s1");
    assert_eq!(w.phase(), "Pending", "withheld while s1 runs");
    w.exit("s1", 0);
    assert_eq!(w.phase(), "Failed");
}
