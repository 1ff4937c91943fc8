//! A pod in one line, and time that starts at a known point.

use std::{collections::BTreeMap, path::Path, time::Duration};

use lifepod_lifecycle::{
    NewPod,
    id::{PodKey, PodUid},
    spec::{ContainerSpec, ImagePullPolicy, PodSpec, RestartPolicy},
    time::Timestamp,
};
use lifepod_sim::{SimClock, SimConfig};

/// When every simulation begins.
pub(crate) const ORIGIN: Timestamp = Timestamp::from_secs(1_700_000_000);

pub(crate) fn config(clock: SimClock, log_root: &Path) -> SimConfig {
    SimConfig {
        clock,
        seed: 7,
        log_root: log_root.to_owned(),
        state: None,
    }
}

/// A pod with one container `app`, whose annotations are `keys` with `app`, `app.image` or
/// `sandbox` for the full names.
pub(crate) fn pod(name: &str, keys: &[(&str, &str)]) -> NewPod {
    let full = |key: &str| match key {
        "sandbox" | "contact" => format!("pod.sim.lifepod.dev/{key}"),
        _ => format!("sim.lifepod.dev/{key}"),
    };
    let annotations: BTreeMap<_, _> = keys
        .iter()
        .map(|(key, value)| (full(key), (*value).to_owned()))
        .collect();
    let container = ContainerSpec {
        name: "app".into(),
        image: "nginx".into(),
        image_pull_policy: ImagePullPolicy::IfNotPresent,
        ..ContainerSpec::default()
    };
    NewPod {
        key: PodKey::new("default", name),
        uid: PodUid::from(format!("uid-{name}").as_str()),
        labels: BTreeMap::new(),
        annotations,
        finalizers: vec![],
        spec: PodSpec {
            containers: vec![container],
            restart_policy: RestartPolicy::Never,
            termination_grace_period: Duration::from_secs(30),
            ..PodSpec::default()
        },
        node: "node".into(),
    }
}
