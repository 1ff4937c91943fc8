//! A pod's shim dies, and with it the pod's sandbox.

use anyhow::{Context, Result};
use lifepod_client::proto::{Observation, PodPhase};
use lifepod_tests::world::{
    SLEEPER, SOON, Timeline, World, await_no_process_with, await_one_process_with, container_of,
    freeze_shim, kill_shim, script_pod, subject_key, word,
};
use std::{fs::File, io::Write as _, time::Instant};
use tokio::task::block_in_place;

fn uid(created: lifepod_client::Created) -> String {
    created.pod.metadata.unwrap_or_default().uid
}

/// It runs again, in a new sandbox, as another instance.
fn runs_again(name: &'static str) -> impl Fn(&Timeline) -> Option<()> {
    move |seen| {
        let container = seen.container(name, "main")?;
        let runs = word(container.state.as_ref()) == "Running" && container.restart_count == 1;
        runs.then_some(())
    }
}

fn check_loss(world: &World, name: &str) -> Result<()> {
    let timeline = world.watch.timeline();
    let transitions = timeline
        .changes_of(name)
        .flat_map(|change| &change.transitions);
    let mut transitions = transitions.filter(|it| subject_key(it) == "container main");
    let exit = transitions
        .find(|transition| transition.exit.is_some())
        .context("no exit")?;
    assert_eq!(exit.exit.as_ref().map(|exit| exit.code), Some(137));
    assert_eq!(exit.observation(), Observation::Inferred);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_whose_shim_dies_starts_again_in_a_new_sandbox() -> Result<()> {
    let world = World::new().await?;
    let marker = format!("orphan-{}", std::process::id());
    let script = format!("{SLEEPER} # {marker}");
    let always = uid(world
        .create(&script_pod("always", "Always", &script))
        .await?);
    world.ready("always").await?;
    kill_shim(&always)?;

    world
        .watch
        .until("it runs again", runs_again("always"))
        .await?;
    world.says("always", "", "ready").await?;
    check_loss(&world, "always")?;
    let pod = world.pods().get("always").await?;
    let status = container_of(&pod, "main").cloned().unwrap_or_default();
    assert_eq!(
        word(status.last_state.as_ref()),
        "Terminated(ContainerStatusUnknown,137)"
    );
    let events = world.cli().ok(&["events", "--for", "pod/always"]).await?;
    assert!(events.contains("SandboxChanged"), "{events}");
    // One instance, not two.
    block_in_place(|| await_one_process_with(&marker))?;
    world.delete("always").await?;
    await_no_process_with(&marker)?;
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_never_pod_whose_shim_dies_has_failed() -> Result<()> {
    let world = World::new().await?;
    let never = uid(world.create(&script_pod("never", "Never", SLEEPER)).await?);
    world.ready("never").await?;
    kill_shim(&never)?;
    let pod = world.watch.phase("never", PodPhase::Failed).await?;
    let status = container_of(&pod, "main").cloned().unwrap_or_default();
    assert_eq!(
        word(status.state.as_ref()),
        "Terminated(ContainerStatusUnknown,137)"
    );
    assert_eq!(status.restart_count, 0);
    check_loss(&world, "never")?;
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shim_that_dies_while_no_server_runs_is_missed_at_the_next_start() -> Result<()> {
    let mut world = World::new().await?;
    let marker = format!("lost-{}", std::process::id());
    let script = format!("{SLEEPER} # {marker}");
    let always = uid(world
        .create(&script_pod("always", "Always", &script))
        .await?);
    let never = uid(world.create(&script_pod("never", "Never", SLEEPER)).await?);
    world.ready("always").await?;
    world.ready("never").await?;
    world.kill_daemon()?;
    kill_shim(&always)?;
    kill_shim(&never)?;
    world.start_daemon()?;

    world.watch.phase("never", PodPhase::Failed).await?;
    world
        .watch
        .until("it runs again", runs_again("always"))
        .await?;
    world.says("always", "", "ready").await?;
    check_loss(&world, "always")?;
    check_loss(&world, "never")?;
    block_in_place(|| await_one_process_with(&marker))?;
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_whose_shim_does_not_answer_is_unknown_until_it_does() -> Result<()> {
    let mut world = World::new().await?;
    block_in_place(|| {
        world.stop_daemon()?;
        let mut config = File::options()
            .append(true)
            .open(world.stage.config_file())?;
        config.write_all(b"\n[lifecycle]\ncontact_limit_seconds = 1\n")?;
        world.start_daemon()
    })?;
    let uid = uid(world
        .create(&script_pod("frozen", "Always", SLEEPER))
        .await?);
    world.ready("frozen").await?;
    freeze_shim(&uid, true)?;
    world.watch.phase("frozen", PodPhase::Unknown).await?;
    freeze_shim(&uid, false)?;
    let back = |seen: &Timeline| {
        let phase = seen.pod("frozen")?.status.as_ref()?.phase();
        (phase == PodPhase::Running).then_some(())
    };
    world.watch.until("it is known again", back).await?;
    let pod = world.pods().get("frozen").await?;
    let restarts = container_of(&pod, "main").map(|status| status.restart_count);
    assert_eq!(restarts, Some(0), "nothing happened to it meanwhile");
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_starts_although_the_shim_of_a_pod_does_not_answer() -> Result<()> {
    let mut world = World::new().await?;
    let frozen = uid(world
        .create(&script_pod("frozen", "Always", SLEEPER))
        .await?);
    world
        .create(&script_pod("other", "Always", SLEEPER))
        .await?;
    world.ready("frozen").await?;
    world.ready("other").await?;
    let before = world.pods().get("frozen").await?;
    world.kill_daemon()?;
    freeze_shim(&frozen, true)?;
    world.start_daemon()?;

    let cli = world.cli();
    cli.ok(&["exec", "other", "--", "true"]).await?;
    let refused = cli.run(&["exec", "frozen", "--", "true"]).await?;
    assert!(refused.stderr.contains("did not answer"), "{refused:?}");
    freeze_shim(&frozen, false)?;
    let until = Instant::now() + SOON;
    while cli.run(&["exec", "frozen", "--", "true"]).await?.code != 0 {
        anyhow::ensure!(Instant::now() < until, "the pod is not found again");
    }
    let after = world.pods().get("frozen").await?;
    let id = |pod| container_of(pod, "main").map(|status| status.container_id.clone());
    assert_eq!(id(&after), id(&before), "it is the same instance");
    world.delete("frozen").await?;
    world.finish().await
}
