//! Probes and hooks of every kind on real containers: from the host's side over the network, and
//! inside through the shim.

mod commands;
mod hooks;
mod messages;
mod network;

use anyhow::{Context, Result, ensure};
use lifepod_client::proto::{Pod, PodPhase};
use lifepod_tests::world::{IMAGE, SOON, World, container_of};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A web server on port 8080; `/there` is served, `/ready` is not yet.
const WEB: &str = "mkdir /www; echo page > /www/there; exec httpd -f -p 8080 -h /www";

const EVENTS_POLL: Duration = Duration::from_millis(100);

/// A container that runs a shell script, with more fields.
fn container(name: &str, script: &str, more: Value) -> Value {
    let mut container = json!({
        "name": name, "image": IMAGE, "command": ["sh", "-c", script],
    });
    if let (Value::Object(fields), Value::Object(more)) = (&mut container, more) {
        fields.extend(more);
    }
    container
}

/// A pod of these containers that ends fast.
fn pod(name: &str, restart_policy: &str, containers: &[Value]) -> String {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "restartPolicy": restart_policy,
            "terminationGracePeriodSeconds": 1,
            "containers": containers,
        },
    })
    .to_string()
}

fn is_ready(pod: &Pod) -> bool {
    container_of(pod, "main").is_some_and(|status| status.ready)
}

fn restarts(pod: &Pod) -> i32 {
    container_of(pod, "main").map_or(0, |status| status.restart_count)
}

/// Waits until a pod has what is looked for.
async fn seen(world: &World, name: &str, what: &str, holds: fn(&Pod) -> bool) -> Result<Pod> {
    let find = |timeline: &lifepod_tests::world::Timeline| {
        timeline.pod(name).filter(|pod| holds(pod)).cloned()
    };
    world.watch.until(what, find).await
}

async fn events(world: &World, name: &str) -> Result<String> {
    let events = world
        .cli()
        .ok(&["events", "--for", &format!("pod/{name}")])
        .await;
    events.context("no events")
}

/// Waits until the events of a pod are as they ought to be; they are not watched.
async fn await_events(world: &World, name: &str, holds: fn(&str) -> bool) -> Result<()> {
    let deadline = Instant::now() + SOON;
    loop {
        let events = events(world, name).await?;
        if holds(&events) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "not in time, only:\n{events}");
        tokio::time::sleep(EVENTS_POLL).await;
    }
}

async fn running(world: &World, text: &str, name: &str) -> Result<()> {
    world.create(text).await?;
    world.watch.phase(name, PodPhase::Running).await?;
    Ok(())
}
