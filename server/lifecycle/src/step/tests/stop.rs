//! Deletion and the end.

use super::*;

#[test]
fn deletion_runs_pre_stop_then_signals_then_kills_at_the_end_of_the_grace() {
    let mut c1 = container("c1");
    c1.lifecycle.pre_stop = exec();
    let mut w = World::running(spec(RestartPolicy::Always, vec![c1]));
    w.delete(Some(10));
    let op = w.claim("hook", |a| matches!(a, Action::RunHook { .. }));
    assert!(w.owed.is_empty(), "no signal before the hook is done");
    w.pass(4);
    w.fact(Fact::HookFinished {
        op,
        outcome: Outcome::Success,
    });
    w.stop("c1");
    w.pass(5);
    assert!(w.owed.is_empty());
    w.pass(1);
    w.kill("c1");
    w.exit("c1", 137);
    assert_eq!(w.phase(), "Failed");
    w.clean_up();
    assert!(w.removed);
    assert_eq!(w.log.last().unwrap(), "object: Deleted");
}

#[test]
fn deletion_during_a_pull_calls_it_off() {
    let mut w = World::ready(spec(RestartPolicy::Always, vec![container("c1")]));
    w.delete(None);
    assert!(
        w.owed
            .iter()
            .all(|(_, a)| matches!(a, Action::RemoveSandbox { .. })),
        "{:?}",
        w.owed
    );
    assert_eq!(w.phase(), "Failed");
    w.clean_up();
    assert!(w.removed);
}

#[test]
fn deletion_during_a_back_off_shows_how_the_last_instance_ended() {
    let mut w = World::running(spec(RestartPolicy::Always, vec![container("c1")]));
    w.exit("c1", 0);
    w.start();
    w.exit("c1", 0);
    assert_eq!(w.waiting("c1").0, "CrashLoopBackOff");
    w.delete(None);
    let status = w.pod.status();
    let state = &status.containers[0].state;
    assert!(
        matches!(state, ContainerState::Terminated(end) if end.attempt == 1),
        "{state:?}"
    );
    assert_eq!(w.phase(), "Succeeded");
    w.clean_up();
    assert!(w.removed);
}

#[test]
fn a_forced_deletion_hides_the_pod_at_once_and_still_stops_it() {
    let mut w = World::running(spec(RestartPolicy::Always, vec![container("c1")]));
    w.delete(Some(0));
    assert!(!w.pod.is_visible());
    assert_eq!(
        w.log.iter().filter(|l| l.starts_with("object")).count(),
        3,
        "{:?}",
        w.log
    );
    w.stop("c1");
    w.pass(2);
    w.kill("c1");
    w.exit("c1", 137);
    w.clean_up();
    assert!(w.removed);
}

#[test]
fn a_shorter_grace_moves_the_deadline_and_a_longer_one_does_nothing() {
    let mut w = World::running(spec(RestartPolicy::Always, vec![container("c1")]));
    w.delete(Some(60));
    let first = w.pod.meta.deletion.unwrap();
    w.delete(Some(90));
    assert_eq!(w.pod.meta.deletion, Some(first));
    w.delete(Some(10));
    let second = w.pod.meta.deletion.unwrap();
    assert_eq!(
        (second.grace, first.deadline.since(second.deadline)),
        (10, Duration::from_secs(50))
    );
    assert_eq!(w.pod.meta.generation, 2);
    w.stop("c1");
    w.pass(10);
    w.kill("c1");
}
