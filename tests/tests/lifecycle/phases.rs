//! Phases and container states.

use anyhow::Result;
use lifepod_client::{
    Selector, WatchStart,
    proto::{ConditionStatus, Pod, PodPhase},
};
use lifepod_tests::world::{IMAGE, SLEEPER, World, container_of, script_pod, word};

fn shown(pod: &Pod, container: &str) -> String {
    word(container_of(pod, container).and_then(|status| status.state.as_ref()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_never_pod_ends_as_its_exit_code_says() -> Result<()> {
    let world = World::new().await?;
    world.create(&script_pod("zero", "Never", "exit 0")).await?;
    let failing = "echo it broke > /dev/termination-log; exit 3";
    world.create(&script_pod("three", "Never", failing)).await?;

    let zero = world.watch.phase("zero", PodPhase::Succeeded).await?;
    let three = world.watch.phase("three", PodPhase::Failed).await?;

    assert_eq!(shown(&zero, "main"), "Terminated(Completed,0)");
    assert_eq!(shown(&three, "main"), "Terminated(Error,3)");
    let timeline = world.watch.timeline();
    assert_eq!(
        timeline.states("zero", "phase"),
        ["", "Pending", "Running", "Succeeded"]
    );
    assert_eq!(
        timeline.states("three", "phase"),
        ["", "Pending", "Running", "Failed"]
    );
    assert_eq!(
        timeline.shown("three", "main"),
        [
            "Waiting(ContainerCreating)",
            "Running",
            "Terminated(Error,3)"
        ]
    );
    let status = container_of(&three, "main").cloned().unwrap_or_default();
    assert_eq!((status.restart_count, status.ready), (0, false));
    let state = status.state.and_then(|state| state.state);
    let Some(lifepod_client::proto::container_state::State::Terminated(end)) = state else {
        panic!("not terminated: {state:?}");
    };
    assert_eq!(end.message, "it broke\n");
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_finished_pod_is_not_ready_and_stays_until_it_is_deleted() -> Result<()> {
    let world = World::new().await?;
    world
        .create(&script_pod("done", "OnFailure", "exit 0"))
        .await?;
    let only = world.observe(Selector::name("done"), WatchStart::Snapshot);
    let pod = world.watch.phase("done", PodPhase::Succeeded).await?;

    let conditions = pod.status.unwrap_or_default().conditions;
    for kind in ["Ready", "ContainersReady"] {
        let condition = conditions.iter().find(|condition| condition.r#type == kind);
        let condition = condition.cloned().unwrap_or_default();
        assert_eq!(condition.status(), ConditionStatus::False, "{kind}");
        assert_eq!(condition.reason, "PodCompleted", "{kind}");
    }
    assert_eq!(world.cli().ok(&["logs", "done"]).await?, "");
    world.delete("done").await?;
    world.check(only).await?;
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_runs_as_long_as_one_of_its_containers() -> Result<()> {
    let world = World::new().await?;
    let sleeper = serde_json::Value::from(SLEEPER);
    let manifest = format!(
        "apiVersion: v1
kind: Pod
metadata: {{name: pair}}
spec:
  restartPolicy: Never
  containers:
  - {{name: short, image: {IMAGE}, command: [sh, -c, exit 0]}}
  - {{name: long, image: {IMAGE}, command: [sh, -c, {sleeper}]}}
"
    );
    world.create(&manifest).await?;

    let pod = world
        .watch
        .until("one has ended and one runs", |seen| {
            let pod = seen.pod("pair")?;
            let states = (shown(pod, "short"), shown(pod, "long"));
            (states == ("Terminated(Completed,0)".into(), "Running".into())).then(|| pod.clone())
        })
        .await?;
    assert_eq!(pod.status.unwrap_or_default().phase(), PodPhase::Running);

    world.says("pair", "long", "ready").await?;
    world.delete("pair").await?;
    let timeline = world.watch.timeline();
    assert_eq!(
        timeline.states("pair", "phase"),
        ["", "Pending", "Running", "Succeeded"]
    );
    assert_eq!(
        timeline.states("pair", "object"),
        ["", "Created", "Deleting", "Deleted"]
    );
    world.finish().await
}
