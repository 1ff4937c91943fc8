//! What may change of a pod after its creation.

use std::time::Duration;

use lifepod_lifecycle::{
    NewPod, Pod, Settings,
    input::{Command, Input},
    spec::EphemeralContainer,
    time::Timestamp,
    transition::Cause,
    validate::{validate_ephemeral, validate_update},
};
use serde_json::json;

use super::{container, good, kept, told};

const NOW: Timestamp = Timestamp::from_secs(1);

fn before() -> NewPod {
    let mut pod = good();
    pod.spec.init_containers = vec![container("i1")];
    pod.spec.active_deadline = Some(Duration::from_secs(100));
    kept(
        &mut pod,
        "tolerations",
        json!([{ "key": "a", "operator": "Exists" }]),
    );
    pod
}

fn refused(change: impl FnOnce(&mut NewPod)) -> Vec<String> {
    let is = Pod::create(before(), NOW);
    let mut wanted = before();
    change(&mut wanted);
    told(validate_update(&is, &wanted))
}

#[test]
fn what_may_change_may_change() {
    let nothing: [&str; 0] = [];
    assert_eq!(
        refused(|p| {
            p.spec.containers[0].image = "app:2".into();
            p.spec.init_containers[0].image = "app:3".into();
            p.spec.active_deadline = Some(Duration::from_secs(50));
            p.labels.clear();
            p.annotations.clear();
            p.finalizers.clear();
            let both = json!([
                { "key": "b", "operator": "Exists" },
                { "key": "a", "operator": "Exists", "tolerationSeconds": 4 },
            ]);
            kept(p, "tolerations", both);
        }),
        nothing
    );
}

#[test]
fn what_may_not_change_is_named() {
    let lists = ["spec.containers Forbidden"];
    assert_eq!(refused(|p| p.spec.containers.push(container("c2"))), lists);
    let inits = ["spec.initContainers Forbidden"];
    assert_eq!(refused(|p| p.spec.init_containers.clear()), inits);
    let deadline = ["spec.activeDeadlineSeconds Invalid"];
    for wanted in [None, Some(101), Some(1 << 40)] {
        let wanted = wanted.map(Duration::from_secs);
        assert_eq!(
            refused(|p| p.spec.active_deadline = wanted),
            deadline,
            "{wanted:?}"
        );
    }
    let image = ["spec.containers[0].image Required"];
    assert_eq!(refused(|p| p.spec.containers[0].image.clear()), image);
    let tolerations = ["spec.tolerations Forbidden"];
    assert_eq!(refused(|p| kept(p, "tolerations", json!([]))), tolerations);
    let command = |p: &mut NewPod| p.spec.containers[0].command = vec!["x".into()];
    assert_eq!(refused(command), ["spec Forbidden"]);
    let label = |p: &mut NewPod| _ = p.labels.insert("a b".into(), String::new());
    assert_eq!(refused(label), ["metadata.labels Invalid"]);
}

#[test]
fn a_deleting_pod_takes_no_new_finalizer() {
    let mut is = Pod::create(before(), NOW);
    let delete = Input::Command(Command::Delete { grace: None }, Cause::default());
    is.step(&Settings::default(), NOW, &delete).unwrap();
    let mut wanted = before();
    wanted.finalizers.push("example.com/more".into());
    assert_eq!(
        told(validate_update(&is, &wanted)),
        ["metadata.finalizers Forbidden"]
    );
    wanted.finalizers.clear();
    assert!(validate_update(&is, &wanted).is_ok());
}

#[test]
fn ephemeral_containers_are_only_added() {
    let debug = |name: &str| EphemeralContainer {
        container: container(name),
        target_container: None,
    };
    let mut new = before();
    new.spec.ephemeral_containers = vec![debug("debug")];
    let is = Pod::create(new, NOW);
    assert!(validate_ephemeral(&is, &[debug("debug"), debug("more")]).is_ok());
    let forbidden = ["spec.ephemeralContainers Forbidden"];
    assert_eq!(told(validate_ephemeral(&is, &[debug("more")])), forbidden);
    let mut other = debug("debug");
    other.container.image = "other".into();
    assert_eq!(told(validate_ephemeral(&is, &[other])), forbidden);
    let taken = ["spec.ephemeralContainers[1].name Duplicate"];
    assert_eq!(
        told(validate_ephemeral(&is, &[debug("debug"), debug("c1")])),
        taken
    );
}
