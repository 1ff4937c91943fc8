//! Admission rules, by themselves: one table per area, each line a change of a good pod and every
//! (field, reason) that it is refused for. That the rules agree with a real API server is shown
//! elsewhere, on recorded answers.

mod containers;
mod metadata;
mod scheduling;
mod updates;

use std::time::Duration;

use lifepod_lifecycle::{
    NewPod,
    id::{PodKey, PodUid},
    spec::{ContainerSpec, PodSpec},
    validate::{Violations, validate},
};
use serde_json::Value;

fn container(name: &str) -> ContainerSpec {
    ContainerSpec {
        name: name.into(),
        image: "app:1".into(),
        ..ContainerSpec::default()
    }
}

fn good() -> NewPod {
    NewPod {
        key: PodKey::new("default", "web"),
        uid: PodUid::from("u"),
        labels: [("app".to_owned(), "web".to_owned())].into(),
        annotations: [("example.com/Note".to_owned(), "any text".to_owned())].into(),
        finalizers: vec!["example.com/hold".into()],
        spec: PodSpec {
            containers: vec![container("c1")],
            termination_grace_period: Duration::from_secs(30),
            ..PodSpec::default()
        },
        node: "node".into(),
    }
}

fn told(result: Result<(), Violations>) -> Vec<String> {
    let violations = result.err().unwrap_or_default().0.into_iter();
    let short = |reason: &'static str| reason.trim_start_matches("FieldValue");
    violations
        .map(|v| format!("{} {}", v.field, short(v.reason.as_str())))
        .collect()
}

/// One line of a table.
type Line<'a> = (&'a str, &'a dyn Fn(&mut NewPod), &'a [&'a str]);

fn check(table: &[Line<'_>]) {
    for (name, change, expected) in table {
        let mut pod = good();
        change(&mut pod);
        assert_eq!(told(validate(&pod)), *expected, "{name}");
    }
}

fn kept(pod: &mut NewPod, field: &str, value: Value) {
    pod.spec.extra.insert(field.to_owned(), value);
}

#[test]
fn a_good_pod_is_accepted() {
    check(&[("good", &|_| {}, &[])]);
}
