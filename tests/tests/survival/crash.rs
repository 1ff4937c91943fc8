//! The server is killed, things go on, it comes back.

use anyhow::{Context, Result};
use lifepod_client::{
    Selector, WatchStart,
    proto::{ContainerStateTerminated, Observation, Pod, PodPhase, container_state::State},
};
use lifepod_tests::world::{
    Gate, SLEEPER, World, await_no_process_with, container_of, script_pod, subject_key, word,
};
use std::time::{Duration, SystemTime};

/// Counts aloud until it is told to stop.
pub(crate) const COUNTER: &str = "trap 'exit 0' TERM; n=0; while :; do echo tick $n; n=$((n + 1)); \
     sleep 0.1 & wait $!; done";

/// Waits at the gate, then ends with exit code 7. Its command line names it.
fn ender(gate: &Gate) -> String {
    format!(
        "{}; exit 7 # ender-{}",
        gate.wait_command(),
        std::process::id()
    )
}

/// Ends badly once, then stays.
fn phoenix(gate: &Gate) -> String {
    format!(
        "if [ -e /dev/shm/once ]; then {SLEEPER}; else touch /dev/shm/once; {}; exit 1; fi \
         # phoenix-{}",
        gate.wait_command(),
        std::process::id()
    )
}

fn on_host(name: &str, policy: &str, script: &str) -> String {
    script_pod(name, policy, script) + "  hostNetwork: true\n"
}

/// Container id and start time: what must not change.
pub(crate) fn identity(pod: &Pod) -> (String, Option<prost_types::Timestamp>) {
    let status = container_of(pod, "main").cloned().unwrap_or_default();
    match status.state.and_then(|state| state.state) {
        Some(State::Running(running)) => (status.container_id, running.started_at),
        other => panic!("not running: {other:?}"),
    }
}

fn end_of(pod: &Pod) -> ContainerStateTerminated {
    let status = container_of(pod, "main").cloned().unwrap_or_default();
    match status.state.and_then(|state| state.state) {
        Some(State::Terminated(end)) => end,
        other => panic!("not terminated: {other:?}"),
    }
}

fn seconds(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
}

/// The numbers a [`COUNTER`] counted must have no hole.
pub(crate) async fn check_count(world: &World, name: &str, at_least: usize) -> Result<()> {
    world.says(name, "", &format!("tick {at_least}\n")).await?;
    let counted = world.cli().ok(&["logs", name]).await?;
    for (number, line) in counted.lines().enumerate() {
        assert_eq!(line, format!("tick {number}"));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_finds_its_pods_as_they_are() -> Result<()> {
    let mut world = World::new().await?;
    let (gate, second_gate) = (Gate::new().await?, Gate::new().await?);
    world
        .create(&script_pod("keeper", "Always", COUNTER))
        .await?;
    world.create(&script_pod("done", "Never", "exit 0")).await?;
    world
        .create(&on_host("ender", "Never", &ender(&gate)))
        .await?;
    world
        .create(&on_host("phoenix", "Always", &phoenix(&second_gate)))
        .await?;
    world.watch.phase("done", PodPhase::Succeeded).await?;
    for name in ["keeper", "ender", "phoenix"] {
        world.watch.phase(name, PodPhase::Running).await?;
    }
    let (visitor, second_visitor) = (gate.visitor().await?, second_gate.visitor().await?);
    let keeper = identity(&world.pods().get("keeper").await?);
    let epoch = world.client().server_info().await?.epoch;
    // A settled system: the finished pod's sandbox is gone.
    let settled = |seen: &lifepod_tests::world::Timeline| {
        (seen.states("done", "sandbox").last() == Some(&"Stopped")).then_some(())
    };
    world.watch.until("all is quiet", settled).await?;
    let (token, known) = (world.watch.token(), world.watch.timeline().changes().len());

    world.kill_daemon()?;
    let before = seconds(SystemTime::now());
    visitor.let_through("").await?;
    second_visitor.let_through("").await?;
    await_no_process_with(&format!("ender-{}", std::process::id()))?;
    await_no_process_with(&format!("phoenix-{}", std::process::id()))?;
    let after = seconds(SystemTime::now());
    world.start_daemon()?;
    let resumed = world.observe(Selector::all(), WatchStart::Token(token));

    let ended = world.watch.phase("ender", PodPhase::Failed).await?;
    let end = end_of(&ended);
    assert_eq!((end.exit_code, end.reason.as_str()), (7, "Error"));
    let finished = end.finished_at.context("no time")?;
    let finished = finished.seconds as f64 + f64::from(finished.nanos) / 1e9;
    assert!(
        (before..=after).contains(&finished),
        "{before} <= {finished} <= {after}"
    );
    world
        .watch
        .until("what may be restarted is", |seen| {
            let container = seen.container("phoenix", "main")?;
            (container.restart_count == 1 && word(container.state.as_ref()) == "Running")
                .then_some(())
        })
        .await?;

    assert_eq!(world.client().server_info().await?.epoch, epoch);
    assert_eq!(identity(&world.pods().get("keeper").await?), keeper);
    check_count(&world, "keeper", 20).await?;
    let timeline = world.watch.timeline();
    let since: Vec<_> = timeline.changes()[known..].to_vec();
    let touched = |name: &str| {
        since
            .iter()
            .any(|change| change.pod_ref.as_ref().is_some_and(|pod| pod.name == name))
    };
    assert!(
        !touched("keeper") && !touched("done"),
        "nothing happened to them:\n{timeline}"
    );
    let exit = since
        .iter()
        .flat_map(|change| &change.transitions)
        .find(|transition| {
            subject_key(transition) == "container main"
                && transition.exit.as_ref().is_some_and(|exit| exit.code == 7)
        });
    let exit = exit.context("no exit was told")?;
    assert_eq!(exit.observation(), Observation::RecoveredAfterRestart);

    // The resumed watch tells what the one that lived through it told, no more and no less.
    let newest = world.client().server_info().await?.revision;
    resumed.reach(newest).await?;
    world.watch.reach(newest).await?;
    let (told, retold) = (world.watch.timeline(), resumed.timeline());
    let revisions = |changes: &[lifepod_client::proto::PodChange]| -> Vec<u64> {
        changes
            .iter()
            .map(|change| change.revision)
            .filter(|at| *at <= newest)
            .collect()
    };
    assert_eq!(
        revisions(retold.changes()),
        revisions(&told.changes()[known..])
    );
    world.check(resumed).await?;
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_back_off_goes_on_where_it_was() -> Result<()> {
    let mut world = World::new().await?;
    world
        .create(&script_pod("crash", "Always", "exit 1"))
        .await?;
    let back_off = |count| {
        move |seen: &lifepod_tests::world::Timeline| {
            let container = seen.container("crash", "main")?;
            let waits = word(container.state.as_ref()) == "Waiting(CrashLoopBackOff)";
            (waits && container.restart_count == count).then_some(())
        }
    };
    world.watch.until("the first back-off", back_off(1)).await?;
    let began = SystemTime::now();
    world.kill_daemon()?;
    // Down for most of the ten seconds: one that began anew would take sixteen.
    tokio::time::sleep(Duration::from_secs(6)).await;
    world.start_daemon()?;
    world
        .watch
        .until("the second back-off", back_off(2))
        .await?;
    // Neither begun anew by the restart, nor forgotten.
    let took = began.elapsed()?;
    assert!(
        (Duration::from_secs(9)..Duration::from_secs(14)).contains(&took),
        "{took:?}"
    );
    world.finish().await
}
