//! Startup, liveness and readiness (spec §6, §13.5).

use ProbeKind::{Liveness, Readiness, Startup};

use super::*;

fn world(change: impl FnOnce(&mut ContainerSpec)) -> World {
    let mut c1 = container("c1");
    change(&mut c1);
    World::running(spec(RestartPolicy::Always, vec![c1]))
}

#[test]
fn readiness_begins_after_its_delay_and_counts_by_its_thresholds() {
    let mut w = world(|c| {
        let mut probe = exec_probe();
        (probe.initial_delay, probe.success_threshold) = (Duration::from_secs(15), 3);
        c.readiness_probe = Some(probe);
    });
    assert_eq!(
        (w.phase(), w.container("c1").started),
        ("Running", Some(true))
    );
    w.pass(14);
    assert!(!w.probes("c1", Readiness));
    w.pass(1);
    for round in 0..3 {
        assert!(!w.container("c1").ready, "after {round} successes");
        assert_eq!(
            w.condition("Ready"),
            (Truth::False, "ContainersNotReady".into())
        );
        w.probe("c1", Readiness, Outcome::Success);
        if round < 2 {
            w.pass(9);
            assert!(!w.probes("c1", Readiness), "once in a period");
            w.pass(1);
        }
    }
    assert!(w.container("c1").ready);
    assert_eq!(w.condition("Ready").0, Truth::True);
    for failures in 1..=3 {
        w.pass(10);
        assert!(w.container("c1").ready, "before failure {failures}");
        w.probe("c1", Readiness, failed("no"));
    }
    assert!(!w.container("c1").ready);
    assert_eq!(w.container("c1").restart_count, 0, "readiness never kills");
    assert_eq!(w.events("Unhealthy", "Readiness probe failed: no"), 3);
    let told = w.log.iter().filter(|line| line.starts_with("c1 Readiness"));
    assert_eq!(
        told.collect::<Vec<_>>(),
        ["c1 Readiness: Success", "c1 Readiness: Failure"]
    );
}

#[test]
fn a_success_between_failures_begins_the_count_anew() {
    let mut w = world(|c| c.liveness_probe = Some(exec_probe()));
    for outcome in [
        failed(""),
        failed(""),
        Outcome::Success,
        failed(""),
        failed(""),
    ] {
        w.probe("c1", Liveness, outcome);
        w.pass(10);
    }
    assert!(w.runs("c1") && w.owed.len() == 1, "{:?}", w.owed);
    w.probe("c1", Liveness, failed(""));
    w.stop("c1");
}

#[test]
fn liveness_kills_with_its_own_grace_and_the_hook_and_restarts_at_once() {
    let mut w = world(|c| {
        let mut probe = exec_probe();
        (probe.failure_threshold, probe.termination_grace_period) =
            (1, Some(Duration::from_secs(5)));
        c.liveness_probe = Some(probe);
        c.lifecycle.pre_stop = exec();
    });
    w.probe("c1", Liveness, failed("gone"));
    assert_eq!(w.container("c1").stage, Stage::Terminating);
    assert!(w.runs("c1"));
    let killing = "Container c1 failed liveness probe, will be restarted";
    assert_eq!(w.events("Killing", killing), 1);
    assert_eq!(w.events("Unhealthy", "Liveness probe failed: gone"), 1);
    w.pass(2);
    assert!(!w.probes("c1", Liveness), "on hold");
    w.hook("c1", Outcome::Success);
    w.stop("c1");
    w.pass(3);
    w.kill("c1");
    w.exit("c1", 137);
    w.start();
    assert_eq!(w.container("c1").restart_count, 1);
    assert_eq!(w.container("c1").last_state.unwrap().exit.status.code, 137);
    assert!(w.probes("c1", Liveness), "the new instance is probed anew");
}

#[test]
fn a_container_that_liveness_kills_again_and_again_backs_off() {
    let mut w = world(|c| {
        let mut probe = exec_probe();
        (probe.failure_threshold, probe.initial_delay) = (1, Duration::from_secs(15));
        c.liveness_probe = Some(probe);
    });
    // Lives 15 s each time: no delay until the delay exceeds that life.
    for (round, waits) in [(0, false), (1, false), (2, false), (3, true)] {
        w.pass(15);
        w.probe("c1", Liveness, failed(""));
        w.stop("c1");
        w.exit("c1", 137);
        if waits {
            assert_eq!(w.waiting("c1").0, "CrashLoopBackOff", "kill {round}");
        } else {
            w.start();
        }
    }
}

#[test]
fn under_never_a_liveness_kill_ends_the_pod() {
    let mut c1 = container("c1");
    c1.liveness_probe = Some(Probe {
        failure_threshold: 1,
        ..exec_probe()
    });
    let mut w = World::running(spec(RestartPolicy::Never, vec![c1]));
    w.probe("c1", Liveness, failed(""));
    let events: Vec<_> = w.pod.events().iter().map(|e| e.message.as_str()).collect();
    assert!(
        events.contains(&"Container c1 failed liveness probe"),
        "{events:?}"
    );
    w.stop("c1");
    w.exit("c1", 0);
    assert_eq!(w.phase(), "Succeeded");
}

#[test]
fn a_kill_by_a_probe_is_no_exit_the_rules_on_exit_codes_see() {
    let mut c1 = container("c1");
    c1.liveness_probe = Some(Probe {
        failure_threshold: 1,
        ..exec_probe()
    });
    c1.restart_policy = Some(RestartPolicy::Never);
    c1.restart_policy_rules = vec![rule(RestartRuleAction::Restart, 137)];
    let mut w = World::running(spec(RestartPolicy::Always, vec![c1]));
    w.probe("c1", Liveness, failed(""));
    w.stop("c1");
    w.exit("c1", 137);
    assert_eq!(w.phase(), "Failed");
}

#[test]
fn startup_holds_the_others_back_and_readiness_follows_at_once() {
    let mut w = world(|c| {
        c.startup_probe = Some(Probe {
            failure_threshold: 10,
            ..exec_probe()
        });
        c.liveness_probe = Some(exec_probe());
        c.readiness_probe = Some(Probe {
            period: Duration::from_secs(30),
            ..exec_probe()
        });
    });
    assert_eq!(w.container("c1").started, Some(false));
    assert_eq!(w.phase(), "Running");
    for _ in 0..3 {
        w.probe("c1", Startup, failed("not yet"));
        w.pass(10);
        assert!(!w.probes("c1", Liveness) && !w.probes("c1", Readiness));
    }
    w.pass(2);
    w.probe("c1", Startup, Outcome::Success);
    assert_eq!(w.container("c1").started, Some(true));
    assert!(w.probes("c1", Readiness), "at once");
    assert!(!w.probes("c1", Liveness), "at its next turn");
    w.probe("c1", Readiness, Outcome::Success);
    assert_eq!(w.condition("Ready").0, Truth::True);
    w.pass(8);
    assert!(w.probes("c1", Liveness));
    w.pass(60);
    assert!(!w.probes("c1", Startup), "startup is over");
}

#[test]
fn a_startup_that_fails_kills_with_its_grace() {
    let mut w = world(|c| {
        c.startup_probe = Some(Probe {
            failure_threshold: 2,
            termination_grace_period: Some(Duration::from_secs(3)),
            ..exec_probe()
        });
    });
    w.probe("c1", Startup, failed(""));
    w.pass(10);
    w.probe("c1", Startup, failed(""));
    let killing = "Container c1 failed startup probe, will be restarted";
    assert_eq!(w.events("Killing", killing), 1);
    w.stop("c1");
    w.pass(3);
    w.kill("c1");
    w.exit("c1", 137);
    w.start();
    assert_eq!(w.container("c1").started, Some(false), "not started again");
}

#[test]
fn what_cannot_be_run_is_tried_three_times_and_says_nothing() {
    let mut w = world(|c| {
        c.liveness_probe = Some(Probe {
            failure_threshold: 1,
            ..exec_probe()
        });
    });
    for attempt in 0..3 {
        assert_eq!(w.events("Unhealthy", ""), 0, "attempt {attempt}");
        let message = "shim is busy".into();
        w.probe("c1", Liveness, Outcome::Error { message });
    }
    let text = "Liveness probe errored and resulted in unknown state: shim is busy";
    assert_eq!(w.events("Unhealthy", text), 1);
    assert!(!w.probes("c1", Liveness), "not before the next period");
    assert!(w.container("c1").ready && w.runs("c1"));
    w.pass(10);
    assert!(w.probes("c1", Liveness));
}

#[test]
fn a_redirect_to_another_host_is_a_success_with_a_remark() {
    let mut w = world(|c| c.readiness_probe = Some(exec_probe()));
    let message = "Probe terminated redirects".into();
    w.probe("c1", Readiness, Outcome::Warning { message });
    assert!(w.container("c1").ready);
    let text = "Readiness probe warning: Probe terminated redirects";
    assert_eq!(w.events("ProbeWarning", text), 1);
}

#[test]
fn readiness_goes_on_while_the_pod_ends_and_nothing_else() {
    let mut w = world(|c| {
        c.readiness_probe = Some(Probe {
            failure_threshold: 1,
            ..exec_probe()
        });
        c.liveness_probe = Some(exec_probe());
    });
    w.probe("c1", Readiness, Outcome::Success);
    let late = w.claim("liveness", |a| is_probe(a, "c1", Liveness));
    w.delete(Some(60));
    assert_eq!(
        w.condition("Ready").0,
        Truth::True,
        "deletion does not flip it"
    );
    w.stop("c1");
    let before = w.pod.clone();
    w.fact(Fact::ProbeFinished {
        op: late,
        outcome: failed("late"),
    });
    assert_eq!(
        before, w.pod,
        "a liveness answer after deletion says nothing"
    );
    w.pass(10);
    assert!(!w.probes("c1", Liveness));
    w.probe("c1", Readiness, failed(""));
    assert_eq!(w.condition("Ready").0, Truth::False);
    w.pass(10);
    w.probe("c1", Readiness, Outcome::Success);
    assert_eq!(w.condition("Ready").0, Truth::True);
}

#[test]
fn probes_wait_for_the_post_start_hook() {
    let mut w = world(|c| {
        c.lifecycle.post_start = exec();
        c.readiness_probe = Some(Probe {
            initial_delay: Duration::from_secs(5),
            ..exec_probe()
        });
    });
    w.pass(20);
    assert!(!w.probes("c1", Readiness));
    w.hook("c1", Outcome::Success);
    assert!(w.probes("c1", Readiness), "the delay counts from the start");
}

#[test]
fn a_slow_attempt_is_followed_by_the_next_without_a_pile() {
    let mut w = world(|c| c.readiness_probe = Some(exec_probe()));
    w.pass(35);
    assert_eq!(w.owed.len(), 1, "one attempt at a time");
    w.probe("c1", Readiness, Outcome::Success);
    assert!(w.probes("c1", Readiness), "its turn has long come");
    w.probe("c1", Readiness, Outcome::Success);
    assert!(!w.probes("c1", Readiness));
}

#[test]
fn an_attempt_is_no_revision_and_survives_a_restart() {
    let mut w = world(|c| c.readiness_probe = Some(exec_probe()));
    let op = w.claim("probe", |a| is_probe(a, "c1", Readiness));
    assert!(w.pod.owed().iter().any(|effect| effect.op == op));
    let settings = Settings::default();
    let outcome = failed("no");
    let verdict = w
        .pod
        .step(
            &settings,
            w.now,
            &Input::Fact(Fact::ProbeFinished { op, outcome }),
        )
        .unwrap();
    assert!(verdict.kept && !verdict.changed && verdict.transitions.is_empty());
}
