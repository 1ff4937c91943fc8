//! Updates of a pod (spec §10.7), and what follows from them.

use super::*;

fn command(update: Update) -> Input {
    Input::Command(Command::Update(Box::new(update)), Cause::default())
}

#[test]
fn another_image_restarts_the_container_even_under_never() {
    let mut c1 = container("c1");
    c1.lifecycle.pre_stop = exec();
    let mut w = World::running(spec(RestartPolicy::Never, vec![c1, container("c2")]));
    w.update(|s| s.containers[0].image = "app:2".into());
    assert_eq!(w.pod.meta.generation, 2);
    assert_eq!(
        w.container("c1").image,
        "app",
        "it still runs from the old one"
    );
    assert_eq!(
        w.events(
            "Killing",
            "Container c1 definition changed, will be restarted"
        ),
        1
    );
    w.hook("c1", Outcome::Success);
    w.stop("c1");
    w.exit("c1", 0);
    w.start();
    let c1 = w.container("c1");
    assert_eq!((c1.restart_count, c1.image.as_str()), (1, "app:2"));
    assert_eq!(w.container("c2").restart_count, 0);
    w.exit("c1", 0);
    w.exit("c2", 0);
    assert_eq!(w.phase(), "Succeeded", "Never holds for the new instance");
}

#[test]
fn another_image_ends_the_back_off_and_begins_it_anew() {
    let mut w = World::ready(spec(RestartPolicy::Always, vec![container("c1")]));
    for _ in 0..4 {
        w.start();
        w.exit("c1", 1);
        w.pass(if w.owed.is_empty() { 300 } else { 0 });
    }
    w.start();
    w.exit("c1", 1);
    assert!(
        w.waiting("c1").1.starts_with("back-off 1m20s"),
        "{:?}",
        w.waiting("c1")
    );
    w.update(|s| s.containers[0].image = "app:2".into());
    w.start();
    w.exit("c1", 1);
    assert!(
        w.waiting("c1").1.starts_with("back-off 10s"),
        "{:?}",
        w.waiting("c1")
    );
}

#[test]
fn another_image_calls_the_old_pull_off() {
    let mut w = World::ready(spec(RestartPolicy::Always, vec![container("c1")]));
    let old = w.claim("image", |a| matches!(a, Action::EnsureImage { .. }));
    w.update(|s| s.containers[0].image = "app:2".into());
    let before = w.pod.clone();
    w.fact(image_ready(old));
    assert_eq!(before, w.pod, "late");
    w.start();
    assert_eq!(w.container("c1").image, "app:2");
}

#[test]
fn an_image_changed_during_the_start_is_noticed_after_it() {
    let mut w = World::ready(spec(RestartPolicy::Always, vec![container("c1")]));
    w.image();
    w.update(|s| s.containers[0].image = "app:2".into());
    w.started();
    w.stop("c1");
}

#[test]
fn the_image_of_an_init_container_that_ran_changes_nothing() {
    let mut s = spec(RestartPolicy::Always, vec![container("c1")]);
    s.init_containers = vec![container("i1"), sidecar("s1")];
    let mut w = World::ready(s);
    w.start();
    w.update(|s| s.init_containers[0].image = "app:2".into());
    assert!(w.owed.is_empty(), "a running one goes on");
    w.exit("i1", 0);
    w.start();
    w.start();
    w.update(|s| s.init_containers[0].image = "app:3".into());
    assert!(w.owed.is_empty());
    w.update(|s| s.init_containers[1].image = "app:4".into());
    assert_eq!(
        w.events("Killing", "Init container s1 definition changed"),
        1
    );
    w.stop("s1");
    w.exit("s1", 0);
    w.start();
    let count = |name: &str| w.container(name).restart_count;
    assert_eq!((count("i1"), count("s1"), count("c1")), (0, 1, 0));
}

#[test]
fn an_ending_pod_restarts_nothing_for_an_image() {
    let mut w = World::running(spec(RestartPolicy::Always, vec![container("c1")]));
    w.delete(None);
    w.stop("c1");
    w.update(|s| s.containers[0].image = "app:2".into());
    assert_eq!(w.pod.meta.generation, 3);
    w.exit("c1", 0);
    w.clean_up();
    assert!(w.removed);
}

#[test]
fn a_deadline_may_be_set_on_a_running_pod() {
    let mut w = World::running(spec(RestartPolicy::Always, vec![container("c1")]));
    w.pass(60);
    w.update(|s| s.active_deadline = Some(Duration::from_secs(5)));
    w.stop("c1");
    assert_eq!(w.events("DeadlineExceeded", ""), 1);
    w.exit("c1", 0);
    assert_eq!(w.phase(), "Failed");
    assert_eq!(w.pod.status().reason, "DeadlineExceeded");
}

#[test]
fn metadata_changes_without_a_new_generation() {
    let mut w = World::new(spec(RestartPolicy::Always, vec![container("c1")]));
    let labels: BTreeMap<_, _> = [("app".to_owned(), "web".to_owned())].into();
    let update = || Update {
        labels: Some(labels.clone()),
        annotations: Some(labels.clone()),
        ..Update::default()
    };
    w.input(command(update()));
    assert_eq!((&*w.pod.meta.labels, w.pod.meta.generation), (&labels, 1));
    assert_eq!(*w.pod.meta.annotations, labels);
    assert_eq!(w.log.last().unwrap(), "spec: 1");
    let before = w.pod.clone();
    w.input(command(update()));
    assert_eq!(before, w.pod, "the same again is nothing");
}

#[test]
fn what_is_only_kept_changes_too() {
    let mut w = World::new(spec(RestartPolicy::Always, vec![container("c1")]));
    let tolerations = serde_json::json!([{ "operator": "Exists" }]);
    w.update(|s| _ = s.extra.insert("tolerations".into(), tolerations.clone()));
    assert_eq!(
        (
            w.pod.spec.extra["tolerations"].clone(),
            w.pod.meta.generation
        ),
        (tolerations, 2)
    );
    let owners = serde_json::json!([]);
    w.update(|s| _ = s.extra.insert("metadata.ownerReferences".into(), owners));
    assert_eq!(w.pod.meta.generation, 2, "that is metadata");
}

#[test]
fn what_may_not_change_is_not_taken_over() {
    let mut w = World::new(spec(RestartPolicy::Always, vec![container("c1")]));
    let before = w.pod.clone();
    w.update(|s| {
        s.restart_policy = RestartPolicy::Never;
        s.containers.push(container("c2"));
        s.containers[0].command = vec!["other".into()];
    });
    assert_eq!(before, w.pod);
}

#[test]
fn a_finalizer_holds_the_object_and_its_removal_lets_it_go() {
    let mut w = World::new(spec(RestartPolicy::Always, vec![container("c1")]));
    let finalizers = |list: &[&str]| Update {
        finalizers: Some(list.iter().map(ToString::to_string).collect()),
        ..Update::default()
    };
    w.input(command(finalizers(&["example.com/wait"])));
    w.sandbox();
    w.start();
    w.delete(Some(10));
    w.stop("c1");
    w.exit("c1", 0);
    let op = w.claim("removal", |a| {
        matches!(a, Action::RemoveSandbox { purge: false })
    });
    w.fact(Fact::SandboxRemoved { op, purged: false });
    let deletion = w.pod.meta.deletion.unwrap();
    assert_eq!((deletion.grace, deletion.deadline), (0, w.now));
    assert!(w.pod.is_visible() && w.owed.is_empty());
    let more = w.pod.step(
        &Settings::default(),
        w.now,
        &command(finalizers(&["example.com/wait", "example.com/more"])),
    );
    assert!(matches!(more, Err(crate::Denied::Deleting { .. })));
    w.input(command(finalizers(&[])));
    assert!(!w.pod.is_visible());
    let op = w.claim("purge", |a| matches!(a, Action::PurgePod));
    w.fact(Fact::PodPurged { op });
    assert!(w.removed);
}

#[test]
fn a_readiness_gate_waits_for_its_condition() {
    let mut s = spec(RestartPolicy::Always, vec![container("c1")]);
    s.readiness_gates = vec!["example.com/gate".into()];
    let mut w = World::ready(s);
    w.start();
    let message = |w: &World| {
        let status = w.pod.status();
        let ready = status.conditions.into_iter().find(|c| c.kind == "Ready");
        ready.unwrap().message
    };
    assert_eq!(w.condition("ContainersReady").0, Truth::True);
    assert_eq!(
        w.condition("Ready"),
        (Truth::False, "ReadinessGatesNotReady".into())
    );
    assert!(message(&w).ends_with("\"example.com/gate\" does not exist."));
    let set = |status| Update {
        conditions: Some(vec![ForeignCondition {
            kind: "example.com/gate".into(),
            status,
            reason: String::new(),
            message: String::new(),
        }]),
        ..Update::default()
    };
    w.input(command(set(Truth::Unknown)));
    assert!(
        message(&w).ends_with("is not \"True\", but Unknown"),
        "{}",
        message(&w)
    );
    w.input(command(set(Truth::True)));
    assert_eq!(w.condition("Ready").0, Truth::True);
    assert_eq!(
        w.pod.status().conditions[0].kind,
        "example.com/gate",
        "first"
    );
    let before = w.pod.clone();
    w.pass(5);
    w.input(command(set(Truth::True)));
    assert_eq!(before, w.pod, "its time stays");
}
