//! Containers that use more memory than they may.

use anyhow::Result;
use lifepod_client::proto::PodPhase;
use lifepod_tests::{
    fixtures::OOM_COMMAND,
    world::{IMAGE, World, container_of, subject_key, word},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_over_its_memory_limit_is_oom_killed() -> Result<()> {
    let world = World::new().await?;
    let command = OOM_COMMAND.join(", ");
    let manifest = format!(
        "apiVersion: v1
kind: Pod
metadata: {{name: greedy}}
spec:
  restartPolicy: Never
  containers:
  - name: main
    image: {IMAGE}
    command: [{command}]
    resources: {{limits: {{memory: 32Mi}}}}
"
    );
    world.create(&manifest).await?;
    let pod = world.watch.phase("greedy", PodPhase::Failed).await?;
    let state = container_of(&pod, "main").and_then(|status| status.state.as_ref());
    assert_eq!(word(state), "Terminated(OOMKilled,137)");
    let transitions = world.watch.timeline().transitions();
    let exit = transitions.into_iter().find_map(|transition| {
        (subject_key(&transition) == "container main")
            .then_some(transition.exit)
            .flatten()
    });
    let exit = exit.unwrap_or_default();
    assert_eq!((exit.code, exit.signal, exit.oom_killed), (137, 9, true));
    world.finish().await
}
