//! The runtime or the shim out of reach (spec §13.9).

use super::*;

fn running() -> World {
    let mut c1 = container("c1");
    c1.liveness_probe = Some(exec_probe());
    World::running(spec(RestartPolicy::Always, vec![c1]))
}

fn lose(w: &mut World) {
    let message = "shim does not answer".into();
    w.fact(Fact::ContactLost { message });
}

#[test]
fn a_short_outage_freezes_the_status() {
    let mut w = running();
    w.probe("c1", ProbeKind::Liveness, Outcome::Success);
    let before = w.pod.status();
    lose(&mut w);
    w.pass(39);
    assert_eq!(w.pod.status(), before);
    assert!(w.owed.is_empty(), "nothing is asked for: {:?}", w.owed);
    w.fact(Fact::ContactRestored);
    assert_eq!(w.pod.status(), before);
    assert!(w.probes("c1", ProbeKind::Liveness), "probing goes on");
}

#[test]
fn a_long_outage_is_phase_unknown_until_contact_is_back() {
    let mut w = running();
    lose(&mut w);
    lose(&mut w);
    w.pass(40);
    let status = w.pod.status();
    assert_eq!((w.phase(), &*status.reason), ("Unknown", "NodeLost"));
    assert_eq!(status.message, "shim does not answer");
    assert_eq!(w.condition("Ready"), (Truth::False, "NodeLost".into()));
    w.fact(Fact::ContactRestored);
    let status = w.pod.status();
    assert_eq!((w.phase(), &*status.reason), ("Running", ""));
    assert_eq!(w.condition("Ready").0, Truth::True);
}

#[test]
fn what_happened_meanwhile_is_told_with_its_true_time() {
    let mut w = running();
    lose(&mut w);
    let ended_at = w.now + Duration::from_secs(10);
    w.pass(60);
    let exit = ended(ended_at, 3);
    w.fact(recovered(vec![found("c1", w.now, Some(exit))]));
    assert_eq!(w.phase(), "Running");
    w.start();
    let last = w.container("c1").last_state.unwrap();
    assert_eq!(
        (last.exit.status.code, last.exit.finished_at),
        (3, ended_at)
    );
}

#[test]
fn a_terminal_phase_stays_whatever_is_out_of_reach() {
    let mut w = World::running(spec(RestartPolicy::Never, vec![container("c1")]));
    w.exit("c1", 0);
    lose(&mut w);
    w.pass(100);
    assert_eq!(w.phase(), "Succeeded");
}

#[test]
fn a_deletion_during_an_outage_is_finished_after_it() {
    let mut w = running();
    lose(&mut w);
    w.pass(50);
    w.delete(Some(5));
    assert_eq!(w.phase(), "Unknown");
    w.stop("c1");
    w.fact(Fact::ContactRestored);
    assert_eq!(w.phase(), "Running");
    w.exit("c1", 0);
    assert_eq!(w.phase(), "Succeeded");
    w.clean_up();
    assert!(w.removed);
}

#[test]
fn who_says_that_the_sandbox_is_gone_has_been_in_contact() {
    for seconds in [10, 50] {
        let mut w = running();
        lose(&mut w);
        w.pass(seconds);
        w.lose_sandbox();
        w.sandbox();
        w.start();
        let status = w.pod.status();
        assert_eq!((w.phase(), &*status.reason), ("Running", ""));
        w.pass(50);
        assert_eq!(w.phase(), "Running", "the outage is over");
    }
}

#[test]
fn an_end_that_is_told_before_the_contact_is_the_end_of_the_pod() {
    let mut w = World::running(spec(RestartPolicy::Never, vec![container("c1")]));
    lose(&mut w);
    w.pass(50);
    assert_eq!(w.phase(), "Unknown");
    w.exit("c1", 0);
    assert_eq!(w.phase(), "Succeeded");
    w.clean_up();
    assert_eq!(w.phase(), "Succeeded");
}

#[test]
fn an_attempt_of_a_probe_in_flight_says_nothing_once_contact_is_lost() {
    for restored_first in [false, true] {
        let mut c1 = container("c1");
        c1.liveness_probe = Some(Probe {
            failure_threshold: 1,
            ..exec_probe()
        });
        let mut w = World::running(spec(RestartPolicy::Always, vec![c1]));
        let op = w.claim("probe", |a| is_probe(a, "c1", ProbeKind::Liveness));
        lose(&mut w);
        w.pass(5);
        if restored_first {
            w.fact(Fact::ContactRestored);
        }
        let outcome = failed("command timed out");
        w.fact(Fact::ProbeFinished { op, outcome });
        assert_eq!(w.events("Unhealthy", ""), 0);
        w.fact(Fact::ContactRestored);
        assert!(w.runs("c1"), "no restart is invented");
        w.probe("c1", ProbeKind::Liveness, Outcome::Success);
    }
}

#[test]
fn a_container_that_vanished_is_accounted_for() {
    let mut w = running();
    w.fact(recovered(vec![]));
    w.start();
    let c1 = w.container("c1");
    let last = c1.last_state.unwrap();
    assert_eq!((c1.restart_count, last.exit.status.code), (1, 137));
    assert_eq!(last.reason, "ContainerStatusUnknown");
    assert!(last.exit.message.contains("was deleted.  The container"));
}
