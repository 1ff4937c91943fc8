//! postStart and preStop.

use super::*;

#[test]
fn post_start_blocks_running_and_later_containers() {
    let mut c1 = container("c1");
    c1.lifecycle.post_start = exec();
    let mut w = World::ready(spec(RestartPolicy::Always, vec![c1, container("c2")]));
    w.start();
    assert_eq!(w.waiting("c1").0, "ContainerCreating");
    assert_eq!(w.phase(), "Pending");
    let op = w.claim("hook", |a| matches!(a, Action::RunHook { .. }));
    assert!(w.owed.is_empty(), "c2 waits");
    w.fact(Fact::HookFinished {
        op,
        outcome: Outcome::Success,
    });
    w.start();
    assert_eq!(w.phase(), "Running");
}

#[test]
fn a_failed_post_start_kills_and_restarts() {
    let mut c1 = container("c1");
    c1.lifecycle = Lifecycle {
        post_start: exec(),
        pre_stop: exec(),
    };
    let mut w = World::running(spec(RestartPolicy::Always, vec![c1]));
    w.hook("c1", failed("error: exit 7"));
    assert_eq!(w.waiting("c1").0, "PostStartHookError");
    w.hook("c1", Outcome::Success);
    w.stop("c1");
    w.exit("c1", 143);
    assert_eq!(w.waiting("c1").0, "PostStartHookError");
    w.image();
    assert!(
        w.log
            .contains(&"c1#0: Restarting(PostStartHookError)".to_owned()),
        "{:?}",
        w.log
    );
}

#[test]
fn a_hook_that_never_returns_is_cut_off() {
    let mut c1 = container("c1");
    c1.lifecycle.pre_stop = exec();
    let mut w = World::running(spec(RestartPolicy::Always, vec![c1]));
    w.delete(Some(3));
    w.pass(3);
    assert!(
        w.owed
            .iter()
            .all(|(_, a)| matches!(a, Action::StopContainer { .. })),
        "hook cancelled: {:?}",
        w.owed
    );
    w.pass(1);
    assert_eq!(w.owed.len(), 1);
    w.pass(1);
    w.kill("c1");
}
