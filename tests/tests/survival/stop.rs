//! An orderly stop of the server.

use crate::crash::{COUNTER, check_count, identity};
use anyhow::Result;
use lifepod_client::{WatchEvent, WatchOptions, WatchStart, proto::PodPhase, reasons};
use lifepod_tests::world::{World, script_pod};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pods_run_on_when_the_server_is_stopped() -> Result<()> {
    let mut world = World::new().await?;
    world
        .create(&script_pod("keeper", "Always", COUNTER))
        .await?;
    world.watch.phase("keeper", PodPhase::Running).await?;
    world.says("keeper", "", "tick 1\n").await?;
    let keeper = identity(&world.pods().get("keeper").await?);
    let revision = world.client().server_info().await?.revision;

    world.stop_daemon()?;
    assert!(!world.stage.socket().exists(), "the socket is removed");
    world.start_daemon()?;

    let pod = world.pods().get("keeper").await?;
    assert_eq!(identity(&pod), keeper);
    check_count(&world, "keeper", 20).await?;
    assert_eq!(
        world.client().server_info().await?.revision,
        revision,
        "nothing was to be done"
    );
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_of_another_store_is_refused() -> Result<()> {
    let mut world = World::new().await?;
    let other = World::new().await?;
    other.create(&script_pod("far", "Never", "exit 0")).await?;
    let foreign = other.pods().list(&Default::default()).await?.resume_token;
    other.finish().await?;

    let options = WatchOptions {
        start: WatchStart::Token(foreign),
        fail_when_expired: true,
        ..WatchOptions::default()
    };
    let mut watch = world.pods().watch(options);
    let refused = watch.next().await;
    match refused {
        Some(Err(error)) => assert_eq!(error.reason(), reasons::EPOCH_CHANGED, "{error}"),
        Some(Ok(WatchEvent::Change(_)) | Ok(_)) | None => panic!("it was accepted"),
    }
    world.stop_daemon()?;
    world.start_daemon()?;
    world.finish().await
}
