//! `RestartAllContainers` (spec §4.4, §13.3).

use super::*;

fn world() -> World {
    let mut c1 = container("c1");
    c1.restart_policy = Some(RestartPolicy::Never);
    c1.restart_policy_rules = vec![rule(RestartRuleAction::RestartAllContainers, 42)];
    let mut c2 = container("c2");
    c2.lifecycle.pre_stop = exec();
    c2.restart_policy = Some(RestartPolicy::Never);
    c2.restart_policy_rules = vec![rule(RestartRuleAction::RestartAllContainers, 137)];
    let mut s = spec(RestartPolicy::Never, vec![c1, c2]);
    s.init_containers = vec![container("i1"), sidecar("s1")];
    let mut w = World::ready(s);
    w.start();
    w.exit("i1", 0);
    for _ in 0..3 {
        w.start();
    }
    assert_eq!(w.condition("AllContainersRestarting").0, Truth::False);
    w
}

fn restarted(w: &mut World) {
    w.start();
    w.exit("i1", 0);
    for _ in 0..3 {
        w.start();
    }
}

#[test]
fn an_exit_restarts_everything_from_the_first_init_container() {
    let mut w = world();
    let ips = w.pod.status().ips;
    w.exit("c1", 42);
    let on = (Truth::True, "RestartAllContainersStarted".to_owned());
    assert_eq!(w.condition("AllContainersRestarting"), on);
    assert_eq!(w.owed.len(), 2, "stopped without preStop: {:?}", w.owed);
    w.stop("c2");
    w.stop("s1");
    w.pass(2);
    w.kill("c2");
    w.exit("s1", 0);
    assert_eq!(w.terminated("s1"), (137, "RestartingAllContainers".into()));
    w.exit("c2", 137);
    assert_eq!(w.condition("AllContainersRestarting").0, Truth::False);
    for name in ["c1", "c2", "s1", "i1"] {
        assert_eq!(w.waiting(name).0, "RestartingAllContainers", "{name}");
    }
    let last = |w: &World, name: &str| w.container(name).last_state.unwrap().exit.status.code;
    assert_eq!(
        (last(&w, "c1"), last(&w, "c2"), last(&w, "i1")),
        (42, 137, 0)
    );
    assert_eq!(w.phase(), "Running");
    restarted(&mut w);
    for name in ["c1", "c2", "s1", "i1"] {
        assert_eq!(w.container(name).restart_count, 1, "{name}");
    }
    assert!(w.runs("c1") && w.runs("c2") && w.runs("s1"));
    assert_eq!(w.pod.status().ips, ips, "the sandbox stays");
    assert_eq!(w.events("Killing", "killing"), 2);
}

#[test]
fn it_needs_no_back_off_and_can_come_again() {
    let mut w = world();
    for _ in 0..2 {
        w.exit("c1", 42);
        for name in ["c2", "s1"] {
            w.stop(name);
            w.exit(name, 143);
        }
        w.start();
        w.exit("i1", 0);
        for _ in 0..3 {
            w.start();
        }
        assert!(w.runs("c1"));
    }
}

#[test]
fn another_exit_code_is_no_reason() {
    let mut w = world();
    w.exit("c1", 1);
    assert_eq!(w.condition("AllContainersRestarting").0, Truth::False);
    assert_eq!(w.terminated("c1").0, 1);
    w.exit("c2", 0);
    w.stop("s1");
    w.exit("s1", 0);
    assert_eq!(w.phase(), "Failed");
    let ended = (Truth::False, "PodFailed".to_owned());
    assert_eq!(w.condition("AllContainersRestarting"), ended);
}

#[test]
fn an_init_container_can_ask_for_it_and_later_ones_have_not_run() {
    let mut i1 = container("i1");
    i1.restart_policy = Some(RestartPolicy::Never);
    i1.restart_policy_rules = vec![rule(RestartRuleAction::RestartAllContainers, 42)];
    let mut s = spec(RestartPolicy::Never, vec![container("c1")]);
    s.init_containers = vec![sidecar("s1"), i1];
    let mut w = World::ready(s);
    w.start();
    w.start();
    w.exit("i1", 42);
    w.stop("s1");
    w.exit("s1", 137);
    w.start();
    w.start();
    let count = |name: &str| w.container(name).restart_count;
    assert_eq!((count("s1"), count("i1"), count("c1")), (1, 1, 0));
    assert_eq!(w.waiting("c1").0, "PodInitializing");
}

#[test]
fn deletion_in_the_middle_ends_it() {
    let mut w = world();
    w.exit("c1", 42);
    w.delete(Some(5));
    w.stop("c2");
    w.stop("s1");
    w.exit("c2", 137);
    w.exit("s1", 137);
    assert_eq!(w.phase(), "Failed");
    w.clean_up();
    assert!(w.removed);
}

#[test]
fn the_first_rule_that_matches_decides() {
    let actions = [
        RestartRuleAction::Restart,
        RestartRuleAction::RestartAllContainers,
    ];
    for first in 0..2 {
        let mut c1 = container("c1");
        c1.restart_policy = Some(RestartPolicy::Never);
        c1.restart_policy_rules = vec![
            rule(RestartRuleAction::RestartAllContainers, 1),
            rule(actions[first], 42),
            rule(actions[1 - first], 42),
        ];
        let mut w = World::running(spec(RestartPolicy::Never, vec![c1, container("c2")]));
        w.exit("c1", 42);
        let all = w.condition("AllContainersRestarting").0 == Truth::True;
        assert_eq!(all, first == 1, "first {:?}", actions[first]);
    }
}

#[test]
fn what_a_probe_kills_does_not_ask_for_it() {
    let mut c1 = container("c1");
    c1.liveness_probe = Some(Probe {
        failure_threshold: 1,
        ..exec_probe()
    });
    c1.restart_policy = Some(RestartPolicy::OnFailure);
    c1.restart_policy_rules = vec![rule(RestartRuleAction::RestartAllContainers, 137)];
    let mut w = World::running(spec(RestartPolicy::Never, vec![c1, container("c2")]));
    w.probe("c1", ProbeKind::Liveness, failed(""));
    w.stop("c1");
    w.exit("c1", 137);
    assert_eq!(w.condition("AllContainersRestarting").0, Truth::False);
    w.start();
    assert_eq!((w.container("c1").restart_count, w.runs("c2")), (1, true));
}
