//! Images that are not there, yet.

use anyhow::Result;
use lifepod_client::proto::PodPhase;
use lifepod_tests::{
    fixtures::busybox,
    world::{SLEEPER, World, script_pod},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_image_is_backed_off_from_and_heals_when_it_appears() -> Result<()> {
    let world = World::new().await?;
    let manifest = script_pod("waiting", "Always", SLEEPER).replace("busybox:1", "late:1");
    world.create(&manifest).await?;
    world
        .watch
        .until("the pull is backed off from", |seen| {
            let shown = seen.shown("waiting", "main");
            (shown.last()? == "Waiting(ImagePullBackOff)").then_some(())
        })
        .await?;
    let listed = world.cli().ok(&["get", "pods"]).await?;
    assert!(listed.contains("ImagePullBackOff"), "{listed}");
    let logs = world.cli().run(&["logs", "waiting"]).await?;
    assert_eq!(logs.code, 1);
    let expected = "container \"main\" in pod \"waiting\" is waiting to start: trying and failing to pull image";
    assert!(logs.stderr.contains(expected), "{}", logs.stderr);
    let events = world.cli().ok(&["events", "--for", "pod/waiting"]).await?;
    for text in [
        "Failed to pull image \"late:1\"",
        "Error: ErrImagePull",
        "Back-off pulling image",
    ] {
        assert!(events.contains(text), "no `{text}` in\n{events}");
    }

    world
        .stage
        .registry
        .push(&busybox()?, "library/late", "1")?;
    world.watch.phase("waiting", PodPhase::Running).await?;
    let timeline = world.watch.timeline();
    assert_eq!(
        timeline.shown("waiting", "main"),
        [
            "Waiting(ContainerCreating)",
            "Waiting(ErrImagePull)",
            "Waiting(ImagePullBackOff)",
            "Waiting(ContainerCreating)",
            "Running",
        ]
    );
    let image = timeline.states("waiting", "image of main");
    assert_eq!(image, ["", "Pulling", "Failed", "Pulling", "Present"]);
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_of_never_does_not_ask_the_registry() -> Result<()> {
    let world = World::new().await?;
    let manifest = script_pod("strict", "Always", SLEEPER);
    let manifest = manifest.replace(
        "image: busybox:1",
        "image: busybox:1\n    imagePullPolicy: Never",
    );
    world.create(&manifest).await?;
    let shown = world.watch.until("the image is refused", |seen| {
        let shown = seen.shown("strict", "main");
        (shown.last()? == "Waiting(ErrImageNeverPull)").then_some(shown)
    });
    let shown = shown.await?;
    assert_eq!(
        shown,
        ["Waiting(ContainerCreating)", "Waiting(ErrImageNeverPull)"]
    );
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_is_deleted_while_its_image_is_backed_off_from() -> Result<()> {
    let world = World::new().await?;
    let manifest = script_pod("hopeless", "Always", SLEEPER).replace("busybox:1", "none:1");
    world.create(&manifest).await?;
    world
        .watch
        .until("the pull is backed off from", |seen| {
            let shown = seen.shown("hopeless", "main");
            (shown.last()? == "Waiting(ImagePullBackOff)").then_some(())
        })
        .await?;
    world.delete("hopeless").await?;
    let timeline = world.watch.timeline();
    assert_eq!(
        timeline.states("hopeless", "phase"),
        ["", "Pending", "Failed"]
    );
    world.finish().await
}
