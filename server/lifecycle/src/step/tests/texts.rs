//! Texts and codes that users of Kubernetes know (spec §2, §5, §9).

use super::*;

fn world(policy: RestartPolicy) -> World {
    World::ready(spec(policy, vec![container("c1")]))
}

/// The end of the first c1, changed.
fn exit(w: &mut World, code: i32, change: impl FnOnce(&mut Exit)) {
    let mut fact = w.exit_fact("c1", 0, code);
    if let Fact::ContainerExited { exit, .. } = &mut fact {
        change(exit);
    }
    w.fact(fact);
}

#[test]
fn a_clean_start_has_the_events_of_kubernetes_in_order() {
    let mut w = world(RestartPolicy::Always);
    let op = w.claim("image", |a| matches!(a, Action::EnsureImage { .. }));
    w.fact(Fact::ImagePulling { op });
    w.fact(Fact::ImagePulling { op });
    w.fact(Fact::ImageReady {
        op,
        image_id: "i".into(),
        image_ref: "r".into(),
        source: ImageSource::Pulled {
            took: Duration::from_millis(1500),
            waited: Duration::from_millis(61_000),
            size: 7,
        },
    });
    w.started();
    let events: Vec<_> = w
        .pod
        .events()
        .iter()
        .map(|e| (&*e.reason, e.message.as_str()))
        .collect();
    assert_eq!(
        events,
        [
            ("Scheduled", "Successfully assigned default/p to node"),
            ("Pulling", "Pulling image \"app\""),
            (
                "Pulled",
                "Successfully pulled image \"app\" in 1.5s (1m1s including waiting). Image size: 7 bytes."
            ),
            ("Created", "Container created"),
            ("Started", "Container started"),
        ]
    );
    assert_eq!(w.pod.events()[4].field_path, "spec.containers{c1}");
}

#[test]
fn failures_before_a_pull_are_tried_again_at_a_steady_pace() {
    for (failure, event) in [
        (ImageFailure::ErrImageNeverPull, "ErrImageNeverPull"),
        (ImageFailure::InvalidImageName, "InspectFailed"),
        (ImageFailure::ImageInspectError, "InspectFailed"),
    ] {
        let mut w = world(RestartPolicy::Never);
        for round in 1..4 {
            w.image_fails(failure);
            assert_eq!(w.waiting("c1").0, failure.as_str());
            assert_eq!(w.events(event, "why"), round);
            w.pass(10);
        }
        assert_eq!(w.phase(), "Pending");
        w.start();
        assert_eq!(w.phase(), "Running");
    }
}

#[test]
fn a_container_that_cannot_be_made_is_tried_again_even_under_never() {
    for (failure, reason) in [
        (StartFailure::Config, "CreateContainerConfigError"),
        (StartFailure::Create, "CreateContainerError"),
    ] {
        let mut w = world(RestartPolicy::Never);
        for _ in 0..3 {
            w.image();
            w.start_fails(failure, "why");
            assert_eq!((w.phase(), w.waiting("c1").0.as_str()), ("Pending", reason));
            w.pass(10);
        }
        assert_eq!(w.events("Failed", "Error: why"), 3);
        assert_eq!(w.container("c1").restart_count, 0);
    }
}

#[test]
fn memory_and_signals_have_their_reasons() {
    for (code, oom_killed, reason) in [
        (0, false, "Completed"),
        (143, false, "Error"),
        (137, true, "OOMKilled"),
    ] {
        let mut w = world(RestartPolicy::Never);
        w.start();
        exit(&mut w, code, |exit| exit.status.oom_killed = oom_killed);
        assert_eq!(w.terminated("c1"), (code, reason.into()));
    }
}

#[test]
fn messages_of_all_containers_share_their_bound() {
    let mut s = spec(
        RestartPolicy::Never,
        vec![container("c1"), container("c2"), container("c3")],
    );
    s.init_containers = vec![sidecar("s1")];
    let mut w = World::ready(s);
    w.start();
    w.start();
    exit(&mut w, 1, |exit| exit.message = "é".repeat(2000) + "x");
    let ContainerState::Terminated(end) = w.container("c1").state else {
        panic!("terminated")
    };
    assert_eq!(end.exit.message, "é".repeat(1536), "12 KiB for four");
}

#[test]
fn the_message_of_a_failed_hook_names_what_failed() {
    let handlers = [
        (
            exec().unwrap(),
            "Exec lifecycle hook ([true]) for Container \"c1\"",
        ),
        (
            Handler::HttpGet(crate::spec::HttpGet {
                path: "/ready".into(),
                port: crate::spec::PortRef::Number(80),
                host: None,
                scheme: crate::spec::HttpScheme::Http,
                headers: Vec::new(),
            }),
            "HTTP lifecycle hook (/ready) for Container \"c1\"",
        ),
        (
            Handler::Sleep { seconds: 1 },
            "lifecycle hook for Container \"c1\"",
        ),
    ];
    for (handler, text) in handlers {
        let mut c1 = container("c1");
        c1.lifecycle.post_start = Some(handler);
        let mut w = World::running(spec(RestartPolicy::Always, vec![c1]));
        w.hook("c1", failed("error: no"));
        assert_eq!(w.events("FailedPostStartHook", "PostStartHook failed"), 1);
        assert_eq!(w.events("Killing", "FailedPostStartHook"), 1);
        let (reason, message) = w.waiting("c1");
        assert_eq!(reason, "PostStartHookError");
        assert_eq!(
            message,
            format!("{text} in Pod \"p_default(u-1)\" failed - error: no")
        );
    }
}

#[test]
fn a_hook_answered_in_clear_text_is_a_success_with_a_remark() {
    let mut c1 = container("c1");
    c1.lifecycle.post_start = exec();
    let mut w = World::running(spec(RestartPolicy::Always, vec![c1]));
    let message = "request to HTTPS lifecycle hook h got HTTP response".into();
    w.hook("c1", Outcome::Warning { message });
    assert_eq!(
        (w.phase(), w.events("LifecycleHTTPFallback", "request")),
        ("Running", 1)
    );
}

#[test]
fn what_never_ran_is_accounted_for_at_the_end() {
    let mut w = World::ready(spec(
        RestartPolicy::Always,
        vec![container("c1"), container("c2")],
    ));
    w.start();
    w.image_fails(ImageFailure::ErrImagePull);
    w.delete(Some(5));
    w.stop("c1");
    w.exit("c1", 0);
    assert_eq!(w.phase(), "Failed");
    w.clean_up();
    assert_eq!(w.terminated("c2"), (137, "ContainerStatusUnknown".into()));
    assert_eq!(w.container("c2").restart_count, 0);
    assert_eq!(w.terminated("c1").0, 0);
}

#[test]
fn what_waits_behind_an_init_container_is_not_accounted_for() {
    let mut s = spec(RestartPolicy::Always, vec![container("c1")]);
    s.init_containers = vec![container("i1"), container("i2")];
    let mut w = World::ready(s);
    w.start();
    w.delete(Some(5));
    w.stop("i1");
    w.exit("i1", 143);
    w.clean_up();
    assert_eq!(w.terminated("i1").0, 143);
    assert_eq!(w.waiting("i2").0, "PodInitializing");
    assert_eq!(w.waiting("c1").0, "PodInitializing");
}

#[test]
fn a_pod_whose_sandbox_cannot_be_made_says_so_and_goes_on() {
    let mut w = World::new(spec(RestartPolicy::Always, vec![container("c1")]));
    for round in 1..4 {
        let op = w.claim("sandbox", |a| matches!(a, Action::CreateSandbox { .. }));
        let message = "no address".into();
        w.fact(Fact::SandboxFailed { op, message });
        let text = "Failed to create pod sandbox: no address";
        assert_eq!(w.events("FailedCreatePodSandBox", text), round);
        assert_eq!(w.condition("PodReadyToStartContainers").0, Truth::False);
        w.pass(10);
    }
    w.sandbox();
    assert_eq!(w.condition("PodReadyToStartContainers").0, Truth::True);
}
