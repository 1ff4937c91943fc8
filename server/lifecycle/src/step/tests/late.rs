//! Late, repeated and unknown facts change nothing.

use super::*;

#[test]
fn an_answer_to_no_operation_of_the_pod_changes_nothing() {
    let mut c1 = container("c1");
    c1.readiness_probe = Some(exec_probe());
    c1.lifecycle = Lifecycle {
        post_start: exec(),
        pre_stop: exec(),
    };
    let mut w = World::new(spec(RestartPolicy::Always, vec![c1, container("c2")]));
    let op = OpId(999);
    let text = || String::from("late");
    let at = w.now;
    let facts = [
        Fact::SandboxReady { op, ips: vec![] },
        Fact::SandboxFailed {
            op,
            message: text(),
        },
        Fact::ImagePulling { op },
        Fact::ImageReady {
            op,
            image_id: text(),
            image_ref: text(),
            source: ImageSource::Present,
        },
        Fact::ImageFailed {
            op,
            failure: ImageFailure::ErrImagePull,
            message: text(),
        },
        Fact::ContainerStarted {
            op,
            container_id: text(),
            at,
        },
        Fact::ContainerFailed {
            op,
            failure: StartFailure::Start,
            container_id: text(),
            message: text(),
        },
        w.exit_fact("c1", 7, 1),
        w.exit_fact("nobody", 0, 1),
        Fact::HookFinished {
            op,
            outcome: Outcome::Success,
        },
        Fact::ProbeFinished {
            op,
            outcome: failed("late"),
        },
        Fact::SandboxRemoved { op, purged: true },
        Fact::CleanupFailed {
            op,
            message: text(),
        },
        Fact::PodPurged { op },
        Fact::ContactRestored,
    ];
    let mut later = found("c2", at, None);
    later.attempt = 7;
    let recovered = recovered(vec![found("nobody", at, None), later]);
    for stage in 0..6 {
        for fact in &facts {
            let before = w.pod.clone();
            w.fact(fact.clone());
            assert_eq!(before, w.pod, "stage {stage}: {fact:?}");
        }
        if stage < 2 {
            let before = w.pod.clone();
            w.fact(recovered.clone());
            assert_eq!(before, w.pod, "stage {stage}");
        }
        match stage {
            0 => w.sandbox(),
            1 => w.start(),
            2 => w.hook("c1", Outcome::Success),
            3 => w.start(),
            _ => w.delete(Some(5)),
        }
    }
}

#[test]
fn an_answer_that_belongs_to_another_step_of_the_container_changes_nothing() {
    let mut w = World::ready(spec(RestartPolicy::Always, vec![container("c1")]));
    let op = w.claim("image", |a| matches!(a, Action::EnsureImage { .. }));
    let (at, container_id) = (w.now, String::new());
    for fact in [
        Fact::ContainerStarted {
            op,
            container_id: container_id.clone(),
            at,
        },
        Fact::ContainerFailed {
            op,
            failure: StartFailure::Start,
            container_id,
            message: String::new(),
        },
        Fact::HookFinished {
            op,
            outcome: Outcome::Success,
        },
    ] {
        let before = w.pod.clone();
        w.fact(fact.clone());
        assert_eq!(before, w.pod, "{fact:?}");
    }
}

#[test]
fn a_grace_that_is_shorter_than_the_time_gone_ends_at_once() {
    let mut w = World::running(spec(RestartPolicy::Always, vec![container("c1")]));
    w.delete(Some(60));
    w.pass(30);
    w.delete(Some(10));
    let deletion = w.pod.meta.deletion.unwrap();
    assert_eq!((deletion.grace, deletion.deadline), (1, w.now));
    w.stop("c1");
    w.pass(2);
    w.kill("c1");
    w.pass(5);
    w.kill("c1");
}
