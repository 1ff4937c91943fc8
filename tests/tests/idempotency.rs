//! One request, one pod: whatever happens between commit and answer.

use anyhow::{Context, Result};
use lifepod_client::{
    Client, RetryPolicy, Selector, manifest,
    proto::{CreatePodRequest, PodPhase},
    reasons,
};
use lifepod_tests::world::{SLEEPER, World, script_pod};
use std::os::unix::process::ExitStatusExt as _;

const REQUEST: &str = "0f6c7c43-25ab-4d52-9f4a-3f8a9b2d6e01";

fn request(name: &str) -> Result<CreatePodRequest> {
    let pod = manifest::parse(&script_pod(name, "Always", SLEEPER))?.pop();
    Ok(CreatePodRequest {
        pod: Some(pod.context("no pod")?),
        request_id: REQUEST.to_owned(),
        ..CreatePodRequest::default()
    })
}

/// A client that never repeats a request by itself.
async fn blunt(world: &World) -> Result<Client> {
    let builder = Client::builder(world.stage.endpoint().parse()?);
    Ok(builder.retry(RetryPolicy::never()).connect().await?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_creation_whose_answer_was_lost_with_the_server_is_not_repeated() -> Result<()> {
    let mut world = World::new().await?;
    world.stop_daemon()?;
    // The first commit is the creation: the server dies before it can answer.
    let doomed = world
        .stage
        .start_daemon_with(&[("LIFEPOD_FAILPOINT", "after-commit:1")])?;
    let client = blunt(&world).await?;
    let answer = client.pods("").create_with(request("single")?).await;
    assert!(answer.is_err(), "the server was to die: {answer:?}");
    let status = doomed.wait()?;
    assert_eq!(status.signal(), Some(6), "{status}");
    world.start_daemon()?;

    let client = blunt(&world).await?;
    let stored = client
        .pods("")
        .get("single")
        .await?
        .metadata
        .unwrap_or_default();
    let again = client.pods("").create_with(request("single")?).await?.pod;
    let again = again.metadata.unwrap_or_default();
    assert_eq!(again.uid, stored.uid);
    assert_eq!(again.creation_timestamp, stored.creation_timestamp);
    assert_eq!(client.pods("").list(&Selector::all()).await?.pods.len(), 1);
    world.watch.phase("single", PodPhase::Running).await?;

    let other = client.pods("").create_with(request("other")?).await;
    let reason = other.err().map(|error| error.reason().to_owned());
    assert_eq!(reason.as_deref(), Some(reasons::REQUEST_ID_REUSED));
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sdk_repeats_a_request_by_itself_and_makes_one_pod() -> Result<()> {
    let mut world = World::new().await?;
    world.stop_daemon()?;
    let doomed = world
        .stage
        .start_daemon_with(&[("LIFEPOD_FAILPOINT", "after-commit:1")])?;
    // The patient client sends the same request again until a server answers.
    let patient = RetryPolicy {
        max_attempts: 100,
        ..RetryPolicy::default()
    };
    let client = Client::builder(world.stage.endpoint().parse()?)
        .retry(patient)
        .connect()
        .await?;
    let request = request("kept")?;
    let creation = tokio::spawn(async move { client.pods("").create_with(request).await });
    assert_eq!(doomed.wait()?.signal(), Some(6));
    world.start_daemon()?;

    let created = creation.await??.pod.metadata.unwrap_or_default();
    let pods = world.pods().list(&Selector::all()).await?.pods;
    let uids: Vec<_> = pods
        .into_iter()
        .filter_map(|pod| Some(pod.metadata?.uid))
        .collect();
    assert_eq!(uids, [created.uid]);
    world.watch.phase("kept", PodPhase::Running).await?;
    world.finish().await
}
