//! Restarts and their back-off.

use super::*;

#[test]
fn a_crashing_container_backs_off_as_the_kubelet_does() {
    let mut w = World::running(spec(RestartPolicy::Always, vec![container("c1")]));
    w.exit("c1", 1);
    w.start();
    for delay in ["10s", "20s", "40s", "1m20s", "2m40s", "5m0s", "5m0s"] {
        w.exit("c1", 1);
        let (reason, message) = w.waiting("c1");
        assert_eq!(reason, "CrashLoopBackOff");
        assert_eq!(
            message,
            format!("back-off {delay} restarting failed container=c1 pod=p_default(u-1)")
        );
        assert_eq!(w.phase(), "Running");
        assert!(w.owed.is_empty());
        w.pass(300);
        w.start();
    }
    assert_eq!(w.pod.status().containers[0].restart_count, 8);
    let tail: Vec<_> = w
        .log
        .iter()
        .rev()
        .take(3)
        .rev()
        .map(String::as_str)
        .collect();
    assert_eq!(
        tail,
        [
            "c1#7: Exited(Error)",
            "c1#7: Restarting(CrashLoopBackOff)",
            "c1#8: Running"
        ]
    );
}

#[test]
fn a_jump_of_the_runtimes_clock_neither_delays_nor_hurries_a_restart() {
    for jump in [-3600_i64, 3600] {
        let mut w = World::running(spec(RestartPolicy::Always, vec![container("c1")]));
        for round in 0..2 {
            let Fact::ContainerExited { mut exit, .. } = w.exit_fact("c1", round, 1) else {
                unreachable!("an exit")
            };
            exit.finished_at = Timestamp(w.now.0 + jump * 1_000_000_000);
            let started_at = Timestamp(exit.finished_at.0 - 1);
            w.fact(Fact::ContainerExited {
                container: "c1".into(),
                attempt: round,
                container_id: "c".into(),
                started_at,
                exit,
                observation: Observation::Direct,
            });
            if round == 0 {
                w.start();
            }
        }
        assert_eq!(w.waiting("c1").0, "CrashLoopBackOff");
        w.pass(9);
        assert!(
            w.owed.is_empty(),
            "jump {jump}: not before the back-off ends"
        );
        w.pass(1);
        w.start();
    }
}
