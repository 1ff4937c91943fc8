//! exec probes.

use anyhow::Result;
use lifepod_tests::world::{World, await_no_process_with, container_of, word};
use serde_json::json;

use super::{await_events, container, events, is_ready, pod, restarts, running, seen};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_liveness_probe_restarts_the_container() -> Result<()> {
    let world = World::new().await?;
    // The second instance finds what the first one could not have left: it stays.
    let probe = json!({
        "env": [{"name": "WHERE", "value": "/tmp"}],
        "livenessProbe": {"exec": {"command": ["cat", "$(WHERE)/health"]}, "periodSeconds": 1, "failureThreshold": 1},
    });
    let script = "touch /tmp/health; sleep 1; rm /tmp/health; exec sleep 3600";
    let text = pod("ill", "Always", &[container("main", script, probe)]);
    running(&world, &text, "ill").await?;
    let after = seen(&world, "ill", "it restarted", |pod| restarts(pod) > 0).await?;
    let last = container_of(&after, "main").and_then(|status| status.last_state.as_ref());
    assert_eq!(word(last), "Terminated(Error,137)");
    let events = events(&world, "ill").await?;
    assert!(
        events.contains("Liveness probe failed: cat: can't open '/tmp/health'"),
        "{events}"
    );
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_probe_that_takes_too_long_is_killed_with_all_it_started() -> Result<()> {
    let world = World::new().await?;
    // A number that is in nobody else's command line.
    let command = "sleep 54321.125 & sleep 54321.125";
    let probe = json!({
        "readinessProbe": {"exec": {"command": ["sh", "-c", command]}, "periodSeconds": 3600, "timeoutSeconds": 1},
    });
    let text = pod("late", "Always", &[container("main", "sleep 3600", probe)]);
    running(&world, &text, "late").await?;
    await_events(&world, "late", |text| text.contains("timed out after 1s")).await?;
    tokio::task::block_in_place(|| await_no_process_with("54321.125"))?;
    assert!(!is_ready(&world.pods().get("late").await?));
    world.finish().await
}
