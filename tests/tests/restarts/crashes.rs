//! Crash loops and starts that fail.

use anyhow::{Context, Result};
use lifepod_client::proto::{
    ContainerStateTerminated, ContainerStatus, Pod, PodPhase, container_state::State,
};
use lifepod_tests::world::{Timeline, World, container_of, script_pod, word};
use std::time::Duration;

/// Two back-offs, and what a busy machine adds.
const TWO_BACK_OFFS: Duration = Duration::from_secs(90);

fn main_of(pod: &Pod) -> ContainerStatus {
    container_of(pod, "main").cloned().unwrap_or_default()
}

fn waits_with(
    timeline: &Timeline,
    name: &str,
    reason: &str,
    count: i32,
) -> Option<ContainerStatus> {
    let status = timeline.container(name, "main")?;
    let waits = word(status.state.as_ref()) == format!("Waiting({reason})");
    (waits && status.restart_count == count).then(|| status.clone())
}

fn message(status: &ContainerStatus) -> String {
    match status.state.as_ref().and_then(|state| state.state.as_ref()) {
        Some(State::Waiting(waiting)) => waiting.message.clone(),
        other => panic!("not waiting: {other:?}"),
    }
}

fn last(status: &ContainerStatus) -> Option<ContainerStateTerminated> {
    match status.last_state.clone()?.state? {
        State::Terminated(end) => Some(end),
        _ => None,
    }
}

/// Start and end of every instance, in seconds, as the watch told them.
fn lives(timeline: &Timeline, name: &str) -> Vec<(f64, f64)> {
    let mut lives: Vec<(f64, f64)> = Vec::new();
    let pods = timeline
        .changes_of(name)
        .filter_map(|change| change.pod.as_ref());
    for end in pods.filter_map(|pod| last(&main_of(pod))) {
        let seconds = |time: Option<prost_types::Timestamp>| {
            let time = time.unwrap_or_default();
            time.seconds as f64 + f64::from(time.nanos) / 1e9
        };
        let life = (seconds(end.started_at), seconds(end.finished_at));
        if lives.last() != Some(&life) {
            lives.push(life);
        }
    }
    lives
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crashing_container_is_restarted_after_growing_delays() -> Result<()> {
    let world = World::new().await?;
    let uid = world
        .create(&script_pod("crash", "Always", "exit 5"))
        .await?
        .pod;
    let uid = uid.metadata.unwrap_or_default().uid;

    let first = world.watch.until("the first back-off", |seen| {
        waits_with(seen, "crash", "CrashLoopBackOff", 1)
    });
    let first = first.await?;
    let pod = format!("crash_default({uid})");
    let text = |delay| format!("back-off {delay} restarting failed container=main pod={pod}");
    assert_eq!(message(&first), text("10s"));
    let end = last(&first).context("no last state")?;
    assert_eq!((end.reason.as_str(), end.exit_code), ("Error", 5));
    let listed = world.cli().ok(&["get", "pods"]).await?;
    assert!(
        listed.contains("0/1") && listed.contains("CrashLoopBackOff"),
        "{listed}"
    );
    let pod = world.pods().get("crash").await?;
    assert_eq!(pod.status.unwrap_or_default().phase(), PodPhase::Running);

    let second = world
        .watch
        .within(TWO_BACK_OFFS, "the second back-off", |seen| {
            waits_with(seen, "crash", "CrashLoopBackOff", 2)
        });
    assert_eq!(message(&second.await?), text("20s"));
    let third = world
        .watch
        .within(TWO_BACK_OFFS, "the third back-off", |seen| {
            waits_with(seen, "crash", "CrashLoopBackOff", 3)
        });
    assert_eq!(message(&third.await?), text("40s"));

    let timeline = world.watch.timeline();
    let lives = lives(&timeline, "crash");
    assert_eq!(lives.len(), 4, "{lives:?}");
    let pauses: Vec<_> = lives.windows(2).map(|pair| pair[1].0 - pair[0].1).collect();
    // The first restart comes at once.
    for (pause, least) in pauses.iter().zip([0.0, 10.0, 20.0]) {
        assert!((least..least + 5.0).contains(pause), "{pauses:?}");
    }
    let events = world.cli().ok(&["events", "--for", "pod/crash"]).await?;
    assert!(
        events.contains("Back-off restarting failed container main"),
        "{events}"
    );
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_does_not_exist_is_a_start_error() -> Result<()> {
    let world = World::new().await?;
    let never = script_pod("never", "Never", "").replace("[sh, -c, \"\"]", "[/nope]");
    let always = script_pod("always", "Always", "").replace("[sh, -c, \"\"]", "[/nope]");
    world.create(&never).await?;
    world.create(&always).await?;

    let pod = world.watch.phase("never", PodPhase::Failed).await?;
    let status = main_of(&pod);
    assert_eq!(word(status.state.as_ref()), "Terminated(StartError,128)");
    let Some(State::Terminated(end)) = status.state.and_then(|state| state.state) else {
        panic!("not terminated");
    };
    assert!(end.message.contains("/nope"), "{}", end.message);
    assert_eq!(end.started_at.unwrap_or_default().seconds, 0);
    assert!(end.finished_at.unwrap_or_default().seconds > 0);

    let status = world.watch.until("it is tried again and again", |seen| {
        waits_with(seen, "always", "CrashLoopBackOff", 1)
    });
    let end = last(&status.await?).context("no last state")?;
    assert_eq!((end.reason.as_str(), end.exit_code), ("StartError", 128));
    let shown = world.watch.timeline().shown("always", "main");
    assert!(
        shown.contains(&"Waiting(RunContainerError)".to_owned()),
        "{shown:?}"
    );
    world.finish().await
}
