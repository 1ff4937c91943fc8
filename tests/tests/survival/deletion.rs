//! The server is killed in the middle of a deletion.

use anyhow::{Context, Result};
use lifepod_client::{DeleteOptions, proto::PodPhase};
use lifepod_tests::world::{
    Gate, Timeline, World, await_no_process_with, await_one_process_with, script_pod,
};
use std::time::{Duration, Instant};
use tokio::task::block_in_place;

/// Exit code of the only instance.
fn exit_code(timeline: &Timeline, name: &str) -> Option<i32> {
    let mut transitions = timeline
        .changes_of(name)
        .flat_map(|change| &change.transitions);
    transitions
        .find_map(|transition| transition.exit.as_ref())
        .map(|exit| exit.code)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pre_stop_hook_is_run_again_when_its_server_was_killed() -> Result<()> {
    let mut world = World::new().await?;
    let gate = Gate::new().await?;
    let script = "trap 'exit 0' TERM; echo ready; sleep 3600 & wait";
    let hook = gate.wait_command();
    let manifest = script_pod("hooked", "Always", script)
        + &format!("    lifecycle: {{preStop: {{exec: {{command: [sh, -c, '{hook}']}}}}}}\n")
        + "  hostNetwork: true\n";
    world.create(&manifest).await?;
    world.ready("hooked").await?;
    world
        .pods()
        .delete("hooked", DeleteOptions::default())
        .await?;
    let first = gate.visitor().await?;
    world.kill_daemon()?;
    world.start_daemon()?;

    // At least once: the outcome of the first run is unknown.
    let second = gate.visitor().await?;
    first.let_through("").await?;
    second.let_through("").await?;
    world.watch.gone("hooked").await?;
    assert_eq!(exit_code(&world.watch.timeline(), "hooked"), Some(0));
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_that_ends_while_no_server_runs_ends_with_its_own_code() -> Result<()> {
    let mut world = World::new().await?;
    let gate = Gate::new().await?;
    let marker = format!("leaving-{}", std::process::id());
    let script = format!(
        "trap '{}; exit 3' TERM; echo ready; sleep 3600 & wait # {marker}",
        gate.wait_command()
    );
    world
        .create(&(script_pod("leaver", "Always", &script) + "  hostNetwork: true\n"))
        .await?;
    world.ready("leaver").await?;
    world
        .pods()
        .delete("leaver", DeleteOptions::default())
        .await?;
    // It has heard the signal.
    let visitor = gate.visitor().await?;
    world.kill_daemon()?;
    visitor.let_through("").await?;
    await_no_process_with(&marker)?;
    world.start_daemon()?;
    world.watch.gone("leaver").await?;
    let timeline = world.watch.timeline();
    assert_eq!(exit_code(&timeline, "leaver"), Some(3));
    assert_eq!(timeline.states("leaver", "phase").last(), Some(&"Failed"));
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grace_period_that_ran_out_while_no_server_ran_is_over() -> Result<()> {
    let mut world = World::new().await?;
    let stubborn = "trap '' TERM; echo ready; while :; do sleep 1; done";
    world
        .create(&script_pod("stubborn", "Always", stubborn))
        .await?;
    world.ready("stubborn").await?;
    world
        .pods()
        .delete("stubborn", DeleteOptions::grace(2))
        .await?;
    let over = Instant::now() + Duration::from_secs(2);
    let signalled = |seen: &Timeline| {
        (seen.states("stubborn", "container main").last() == Some(&"Terminating")).then_some(())
    };
    world.watch.until("it is asked to stop", signalled).await?;
    world.kill_daemon()?;
    // This is the scenario itself: nobody is there when the time is over.
    tokio::time::sleep_until(over.into()).await;
    let restarted = Instant::now();
    world.start_daemon()?;
    world.watch.gone("stubborn").await?;
    assert!(
        restarted.elapsed() < Duration::from_secs(10),
        "{:?}",
        restarted.elapsed()
    );
    assert_eq!(exit_code(&world.watch.timeline(), "stubborn"), Some(137));
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_that_was_not_yet_running_is_deleted_after_a_restart() -> Result<()> {
    let mut world = World::new().await?;
    let gate = Gate::new().await?;
    let hook = gate.wait_command();
    let script = "trap 'exit 0' TERM; echo ready; sleep 3600 & wait";
    let manifest = script_pod("early", "Always", script)
        + &format!("    lifecycle: {{postStart: {{exec: {{command: [sh, -c, '{hook}']}}}}}}\n")
        + "  hostNetwork: true\n";
    world.create(&manifest).await?;
    let visitor = gate.visitor().await?;
    world
        .pods()
        .delete("early", DeleteOptions::grace(2))
        .await?;
    world.kill_daemon()?;
    world.start_daemon()?;
    world.watch.gone("early").await?;
    drop(visitor);
    let timeline = world.watch.timeline();
    assert!(
        !timeline.states("early", "phase").contains(&"Running"),
        "{timeline}"
    );
    let last = timeline.changes_of("early").last().context("no change")?;
    let phase = last
        .pod
        .as_ref()
        .and_then(|pod| pod.status.as_ref())
        .map(lifepod_client::proto::PodStatus::phase);
    assert!(
        matches!(phase, Some(PodPhase::Succeeded | PodPhase::Failed)),
        "{phase:?}"
    );
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forced_deletion_is_carried_out_by_the_next_server() -> Result<()> {
    let mut world = World::new().await?;
    let marker = format!("forced-{}", std::process::id());
    let script = format!("trap '' TERM; echo ready; while :; do sleep 1; done # {marker}");
    world
        .create(&script_pod("forced", "Always", &script))
        .await?;
    world.ready("forced").await?;
    assert!(
        world
            .pods()
            .delete("forced", DeleteOptions::grace(0))
            .await?
            .removed
    );
    world.kill_daemon()?;
    block_in_place(|| await_one_process_with(&marker))?;
    world.start_daemon()?;
    assert!(
        world
            .pods()
            .get("forced")
            .await
            .is_err_and(|error| error.is_not_found())
    );
    await_no_process_with(&marker)?;
    world.finish().await
}
