//! Many watchers, and watchers that do not read.

use anyhow::{Context, Result, bail};
use lifepod_client::{Client, WatchEvent, WatchOptions, proto::PodPhase};
use lifepod_tests::world::{SOON, World, private_memory, script_pod};
use tokio::{task::JoinSet, time::timeout};

const WATCHERS: usize = 200;
/// What an idle watcher may cost, with what the allocator keeps for later. The goal itself, 16 KiB,
/// is measured by the benchmarks, on an optimized build.
const PER_WATCHER: u64 = 96 << 10;

/// A watch that has told its snapshot and is idle.
async fn idle_watch(client: Client) -> Result<lifepod_client::Watch> {
    let mut watch = client.all_pods().watch(WatchOptions::default());
    loop {
        match watch.next().await.context("it ended")?? {
            WatchEvent::SnapshotDone { .. } => return Ok(watch),
            WatchEvent::Reset(_) | WatchEvent::Snapshot(_) => {}
            other => bail!("{other:?} before the end of the snapshot"),
        }
    }
}

async fn crowd(world: &World) -> Result<Vec<lifepod_client::Watch>> {
    let mut watches = JoinSet::new();
    for _ in 0..10 {
        let client = Client::connect(world.stage.endpoint()).await?;
        for _ in 0..WATCHERS / 10 {
            watches.spawn(idle_watch(client.clone()));
        }
    }
    let mut idle = Vec::new();
    while let Some(watch) = timeout(SOON, watches.join_next()).await? {
        idle.push(watch??);
    }
    Ok(idle)
}

async fn sees_end(mut watch: lifepod_client::Watch) -> Result<()> {
    loop {
        if let WatchEvent::Change(change) = watch.next().await.context("it ended")??
            && let Some(status) = change.pod.and_then(|pod| pod.status)
            && status.phase() == PodPhase::Succeeded
        {
            return Ok(());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_idle_watchers_are_cheap_and_all_are_told() -> Result<()> {
    let world = World::new().await?;
    let pid = world.daemon()?.pid();
    // What the first ones cost is not what each one costs.
    drop(crowd(&world).await?);
    let before = private_memory(pid)?;
    let watches = crowd(&world).await?;
    let grown = private_memory(pid)?.saturating_sub(before);
    assert!(
        grown < PER_WATCHER * WATCHERS as u64,
        "they cost {} KiB",
        grown >> 10
    );

    world.create(&script_pod("seen", "Never", "exit 0")).await?;
    let mut told = JoinSet::new();
    for watch in watches {
        told.spawn(sees_end(watch));
    }
    while let Some(told) = timeout(SOON, told.join_next()).await? {
        told??;
    }
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_that_do_not_read_hold_up_nobody() -> Result<()> {
    let world = World::new().await?;
    let pid = world.daemon()?.pid();
    let deaf = crowd(&world).await?;
    let before = private_memory(pid)?;
    // Some thousand frames that nobody takes: metadata of 32 KiB each.
    let manifest = script_pod("busy", "Never", "exit 0");
    world.create(&manifest).await?;
    world.watch.phase("busy", PodPhase::Succeeded).await?;
    let note = "x".repeat(32 << 10);
    for number in 0..100 {
        let mut pod = world.pods().get("busy").await?;
        let metadata = pod.metadata.get_or_insert_default();
        metadata
            .annotations
            .insert("note".to_owned(), format!("{number} {note}"));
        metadata.revision = 0;
        world.pods().update(pod).await?;
    }
    let newest = world.client().server_info().await?.revision;
    world.watch.reach(newest).await?;
    let grown = private_memory(pid)?.saturating_sub(before);
    // 100 frames for 200 watchers would be 640 MiB.
    assert!(grown < 128 << 20, "they hold {} MiB", grown >> 20);
    drop(deaf);
    world.finish().await
}
