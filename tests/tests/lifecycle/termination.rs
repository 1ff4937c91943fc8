//! Deletion: grace, force, and what is left to see.

use anyhow::{Context, Result};
use lifepod_client::{
    DeleteOptions, Error,
    proto::{ChangeKind, PodPhase, Transition},
    reasons,
};
use lifepod_tests::world::{SLEEPER, World, container_of, script_pod, subject_key, word};
use std::time::{Duration, Instant};

const STUBBORN: &str = "trap '' TERM; echo up; while :; do sleep 1; done";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_obeys_ends_at_once_with_its_own_code() -> Result<()> {
    let world = World::new().await?;
    world
        .create(&script_pod("obedient", "Always", SLEEPER))
        .await?;
    world.ready("obedient").await?;
    let asked = Instant::now();
    world.delete("obedient").await?;
    assert!(
        asked.elapsed() < Duration::from_secs(10),
        "{:?}",
        asked.elapsed()
    );

    let timeline = world.watch.timeline();
    let last = timeline
        .changes_of("obedient")
        .last()
        .context("no change")?;
    assert_eq!(last.kind(), ChangeKind::Deleted);
    let pod = last.pod.as_ref().context("the last state is told")?;
    // Even a pod that is always restarted succeeds when its end was asked for.
    assert_eq!(
        pod.status
            .as_ref()
            .map(lifepod_client::proto::PodStatus::phase),
        Some(PodPhase::Succeeded)
    );
    let state = container_of(pod, "main").and_then(|status| status.state.as_ref());
    assert_eq!(word(state), "Terminated(Completed,0)");
    let stages = timeline.states("obedient", "container main");
    assert_eq!(
        stages,
        [
            "",
            "Waiting",
            "Creating",
            "Running",
            "Terminating",
            "Exited"
        ]
    );

    let missing = world
        .pods()
        .delete("obedient", DeleteOptions::default())
        .await;
    assert_eq!(
        missing.map_err(|error| error.reason().to_owned()),
        Err("POD_NOT_FOUND".into())
    );
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_ignores_the_signal_is_killed_when_the_grace_is_over() -> Result<()> {
    let world = World::new().await?;
    let manifest = script_pod("stubborn", "Always", STUBBORN);
    world
        .create(&(manifest + "  terminationGracePeriodSeconds: 3\n"))
        .await?;
    world.watch.phase("stubborn", PodPhase::Running).await?;
    world.says("stubborn", "", "up").await?;
    let deletion = world
        .pods()
        .delete("stubborn", DeleteOptions::default())
        .await?;
    assert!(!deletion.removed);
    world.watch.gone("stubborn").await?;

    let timeline = world.watch.timeline();
    let find = |wanted: &dyn Fn(&Transition) -> bool| -> Result<Duration> {
        let transitions = timeline
            .changes_of("stubborn")
            .flat_map(|change| &change.transitions);
        let found = transitions
            .into_iter()
            .find(|transition| wanted(transition));
        let at = found
            .context("no such transition")?
            .occurred_at
            .context("no time")?;
        Ok(Duration::try_from(prost_types::Duration {
            seconds: at.seconds,
            nanos: at.nanos,
        })?)
    };
    let asked = find(&|transition| transition.to == "Deleting")?;
    let ended = find(&|transition| transition.exit.is_some())?;
    let took = ended - asked;
    let bounds = Duration::from_secs(3)..Duration::from_secs(5);
    assert!(bounds.contains(&took), "it ended after {took:?}");
    let exit = timeline.transitions().into_iter().find_map(|transition| {
        (subject_key(&transition) == "container main")
            .then_some(transition.exit)
            .flatten()
    });
    assert_eq!(exit.map(|exit| (exit.code, exit.signal)), Some((137, 9)));
    assert_eq!(timeline.states("stubborn", "phase").last(), Some(&"Failed"));
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forced_deletion_frees_the_name_at_once() -> Result<()> {
    let world = World::new().await?;
    let manifest = script_pod("forced", "Always", STUBBORN);
    let first = world
        .create(&manifest)
        .await?
        .pod
        .metadata
        .unwrap_or_default()
        .uid;
    world.watch.phase("forced", PodPhase::Running).await?;

    let deletion = world
        .pods()
        .delete("forced", DeleteOptions::grace(0))
        .await?;
    assert!(deletion.removed);
    let missing = world.pods().get("forced").await;
    assert!(missing.is_err_and(|error| error.is_not_found()));
    // Its process has some seconds left, the new pod is another.
    let created = world.create(&manifest).await?.pod;
    assert_ne!(first, created.metadata.unwrap_or_default().uid);
    world.watch.phase("forced", PodPhase::Running).await?;

    let force = ["delete", "pod", "forced", "--force", "--grace-period=0"];
    let told = world.cli().run(&force).await?;
    assert_eq!(told.code, 0, "{}", told.stderr);
    assert!(
        told.stdout.contains("pod \"forced\" force deleted"),
        "{}",
        told.stdout
    );
    assert!(
        told.stderr.contains("Immediate deletion does not wait"),
        "{}",
        told.stderr
    );
    assert!(
        world
            .pods()
            .get("forced")
            .await
            .is_err_and(|error| error.is_not_found())
    );
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_meant_for_another_pod_is_refused() -> Result<()> {
    let world = World::new().await?;
    let created = world
        .create(&script_pod("precious", "Always", SLEEPER))
        .await?
        .pod;
    let uid = DeleteOptions {
        uid: Some("another".to_owned()),
        ..DeleteOptions::default()
    };
    let reason = |result: Result<_, Error>| result.err().map(|error| error.reason().to_owned());
    let refused = reason(world.pods().delete("precious", uid).await);
    assert_eq!(refused.as_deref(), Some(reasons::UID_MISMATCH));
    let revision = created.metadata.unwrap_or_default().revision;
    world.watch.phase("precious", PodPhase::Running).await?;
    let stale = DeleteOptions {
        revision: Some(revision),
        ..DeleteOptions::default()
    };
    let refused = reason(world.pods().delete("precious", stale).await);
    assert_eq!(refused.as_deref(), Some(reasons::REVISION_MISMATCH));
    world.finish().await
}
