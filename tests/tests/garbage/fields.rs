//! Pods that are wrong: every wrong field is named, all of them at once.

use anyhow::Result;
use lifepod_client::{Code, manifest, proto, reasons};
use lifepod_tests::world::{World, script_pod};
use std::collections::BTreeSet;

type Spoil = fn(&mut proto::Pod);

fn spec(pod: &mut proto::Pod) -> &mut proto::PodSpec {
    pod.spec.get_or_insert_default()
}

fn main(pod: &mut proto::Pod) -> &mut proto::Container {
    &mut spec(pod).containers[0]
}

fn port(number: i32) -> proto::ContainerPort {
    proto::ContainerPort {
        container_port: number,
        ..Default::default()
    }
}

/// One wrong thing each, and the field that must be named for it.
const WRONG: &[(&str, Spoil)] = &[
    ("metadata.name", |pod| {
        pod.metadata.get_or_insert_default().name = "Bad_Name".into();
    }),
    ("metadata.namespace", |pod| {
        pod.metadata.get_or_insert_default().namespace = "a/b".into();
    }),
    ("metadata.labels", |pod| {
        _ = pod
            .metadata
            .get_or_insert_default()
            .labels
            .insert("a b".into(), String::new());
    }),
    ("spec.containers", |pod| spec(pod).containers.clear()),
    ("spec.containers[0].name", |pod| {
        main(pod).name = "UPPER".into();
    }),
    ("spec.containers[0].image", |pod| main(pod).image.clear()),
    ("spec.containers[1].name", |pod| {
        let twin = main(pod).clone();
        spec(pod).containers.push(twin);
    }),
    ("spec.restartPolicy", |pod| spec(pod).restart_policy = 99),
    ("spec.containers[0].ports[0].containerPort", |pod| {
        main(pod).ports.push(port(70_000));
    }),
    ("spec.containers[0].env[0].name", |pod| {
        main(pod).env.push(proto::EnvVar::default());
    }),
    ("spec.containers[0].resources.limits[memory]", |pod| {
        let resources = main(pod).resources.get_or_insert_default();
        resources.limits.insert("memory".into(), "much".into());
    }),
    ("spec.activeDeadlineSeconds", |pod| {
        spec(pod).active_deadline_seconds = Some(0);
    }),
    ("spec.containers[0].lifecycle.postStart", |pod| {
        let lifecycle = main(pod).lifecycle.get_or_insert_default();
        lifecycle.post_start = Some(proto::LifecycleHandler::default());
    }),
];

fn good() -> Result<proto::Pod> {
    Ok(manifest::parse(&script_pod("wrong", "Never", "exit 0"))?.remove(0))
}

async fn violations(world: &World, pod: proto::Pod) -> BTreeSet<String> {
    let namespace = pod.metadata.clone().unwrap_or_default().namespace;
    let error = world
        .client()
        .pods(namespace)
        .create(pod)
        .await
        .expect_err("it was accepted");
    let answer = error.api().unwrap_or_else(|| panic!("{error:?}"));
    assert_eq!(answer.code, Code::InvalidArgument, "{error}");
    assert_eq!(answer.reason, reasons::VALIDATION_FAILED, "{error}");
    answer
        .violations
        .iter()
        .map(|violation| violation.field.clone())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_field_is_named() -> Result<()> {
    let world = World::new().await?;
    for (field, spoil) in WRONG {
        let mut pod = good()?;
        spoil(&mut pod);
        let named = violations(&world, pod).await;
        assert_eq!(named, BTreeSet::from([(*field).to_owned()]));
    }
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_wrong_fields_are_named_at_once() -> Result<()> {
    let world = World::new().await?;
    let mut pod = good()?;
    let mut expected = BTreeSet::new();
    // A pod without containers has no other fault in them.
    for (field, spoil) in WRONG
        .iter()
        .filter(|(field, _)| *field != "spec.containers")
    {
        spoil(&mut pod);
        expected.insert((*field).to_owned());
    }
    let named = violations(&world, pod).await;
    let missing: Vec<_> = expected.difference(&named).collect();
    assert!(missing.is_empty(), "not named: {missing:?}, only {named:?}");
    assert_eq!(
        world.client().server_info().await?.revision,
        0,
        "nothing was stored"
    );
    world.finish().await
}
