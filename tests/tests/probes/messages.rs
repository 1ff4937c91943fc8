//! Termination messages and the memory limit.

use anyhow::{Context, Result};
use lifepod_client::proto::{ContainerStateTerminated, PodPhase, container_state::State};
use lifepod_tests::world::{World, container_of};
use serde_json::{Value, json};

use super::{container, pod};

/// How a container of the pod's ended.
async fn ended(
    world: &World,
    name: &str,
    script: &str,
    more: Value,
) -> Result<ContainerStateTerminated> {
    world
        .create(&pod(name, "Never", &[container("main", script, more)]))
        .await?;
    let over = |timeline: &lifepod_tests::world::Timeline| {
        let pod = timeline.pod(name)?;
        let phase = pod.status.as_ref()?.phase();
        matches!(phase, PodPhase::Succeeded | PodPhase::Failed).then(|| pod.clone())
    };
    let pod = world.watch.until("the pod is over", over).await?;
    let state = container_of(&pod, "main").and_then(|status| status.state.clone());
    match state.and_then(|state| state.state) {
        Some(State::Terminated(ended)) => Ok(ended),
        other => None.with_context(|| format!("{other:?}")),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_words_are_taken_from_the_file_or_the_log() -> Result<()> {
    let world = World::new().await?;
    let fall_back = json!({"terminationMessagePolicy": "FallbackToLogsOnError"});
    let elsewhere = json!({"terminationMessagePath": "/tmp/last words"});
    let cases = [
        (
            "file",
            "echo -n done > /dev/termination-log",
            json!({}),
            "done",
        ),
        (
            "path",
            "echo -n bye > '/tmp/last words'; exit 3",
            elsewhere,
            "bye",
        ),
        (
            "log",
            "echo one; echo two >&2; exit 1",
            fall_back.clone(),
            "one\ntwo\n",
        ),
        ("well", "echo one; exit 0", fall_back.clone(), ""),
        (
            "both",
            "echo log; echo -n file > /dev/termination-log; exit 1",
            fall_back,
            "file",
        ),
    ];
    for (name, script, more, message) in cases {
        let ended = ended(&world, name, script, more).await?;
        assert_eq!(ended.message, message, "{name}");
    }
    let long = "yes 1234567 | head -c 9000 > /dev/termination-log";
    let long = ended(&world, "long", long, json!({})).await?;
    assert_eq!(long.message.len(), 4096, "the end of what is too long");
    world.finish().await
}
