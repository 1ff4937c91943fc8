//! Ephemeral containers (spec §2.4, §13.8).

use super::*;

fn debugger(name: &str) -> EphemeralContainer {
    EphemeralContainer {
        container: container(name),
        target_container: Some("c1".into()),
    }
}

#[test]
fn an_ephemeral_container_runs_once_and_counts_for_nothing() {
    let mut w = World::running(spec(RestartPolicy::Always, vec![container("c1")]));
    w.update(|s| s.ephemeral_containers.push(debugger("debug")));
    assert_eq!(w.pod.meta.generation, 2);
    w.start();
    let debug = w.container("debug");
    assert_eq!(
        (debug.ready, debug.started, w.runs("debug")),
        (false, None, true)
    );
    assert_eq!(w.condition("Ready").0, Truth::True);
    w.exit("debug", 1);
    w.pass(600);
    assert!(w.owed.is_empty(), "never again");
    assert_eq!((w.phase(), w.terminated("debug").0), ("Running", 1));
    w.update(|s| s.ephemeral_containers.push(debugger("more")));
    w.start();
    assert_eq!(w.pod.status().ephemeral_containers.len(), 2);
    w.delete(Some(30));
    w.stop("more");
    w.stop("c1");
    w.exit("c1", 0);
    assert_eq!(w.phase(), "Running", "it is stopped with the pod");
    w.exit("more", 137);
    assert_eq!(w.phase(), "Succeeded");
}

#[test]
fn an_ephemeral_container_does_not_wait_for_init_containers_nor_hold_them_up() {
    let mut s = spec(RestartPolicy::Always, vec![container("c1")]);
    s.init_containers = vec![container("i1")];
    let mut w = World::ready(s);
    w.start();
    w.update(|s| s.ephemeral_containers.push(debugger("debug")));
    w.start();
    assert!(w.runs("debug") && w.runs("i1"));
    w.update(|s| s.ephemeral_containers.push(debugger("bad")));
    let op = w.claim("image", |a| matches!(a, Action::EnsureImage { .. }));
    let failure = ImageFailure::ErrImagePull;
    let message = "no".into();
    w.fact(Fact::ImageFailed {
        op,
        failure,
        message,
    });
    w.exit("i1", 0);
    w.start();
    assert_eq!(w.phase(), "Running");
}
