//! Hooks over the network, and what may not be a hook.

use anyhow::Result;
use lifepod_client::{LogOptions, proto::PodPhase};
use lifepod_tests::world::{World, container_of};
use serde_json::json;

use super::{container, pod, seen};

/// Writes what it is asked, and answers with an error.
const RECORDER: &str = "while true; do printf 'HTTP/1.0 500 no\\r\\n\\r\\n' | nc -l -p 8081; done";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_http_hook_is_sent_and_any_answer_will_do() -> Result<()> {
    let world = World::new().await?;
    let hook = json!({"lifecycle": {"postStart": {"httpGet": {
        "path": "/hello?from=hook", "port": 8081, "httpHeaders": [{"name": "X-Who", "value": "me"}],
    }}}});
    // Started one after the other: the recorder's start hook waits until it listens.
    let listening = json!({"lifecycle": {"postStart": {"exec": {
        "command": ["sh", "-c", "until grep -q ':1F91 ' /proc/net/tcp /proc/net/tcp6; do sleep 0.02; done"],
    }}}});
    let text = pod(
        "greeted",
        "Never",
        &[
            container("recorder", RECORDER, listening),
            container("main", "sleep 3600", hook),
        ],
    );
    world.create(&text).await?;
    world.watch.phase("greeted", PodPhase::Running).await?;
    world
        .says("greeted", "recorder", "X-Who: me")
        .await
        .or(world.says("greeted", "recorder", "x-who: me").await)?;
    let logs = LogOptions {
        container: "recorder".to_owned(),
        ..LogOptions::default()
    };
    let mut logs = world.pods().logs("greeted", logs).await?;
    let mut written = Vec::new();
    while let Some(entries) = logs.next().await? {
        written.extend(entries.into_iter().flat_map(|entry| entry.data));
    }
    let written = String::from_utf8(written)?.to_lowercase();
    assert!(
        written.starts_with("get /hello?from=hook http/1.1"),
        "{written}"
    );
    assert!(written.contains("user-agent: kube-lifecycle/"), "{written}");
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_that_reaches_nobody_fails_the_container() -> Result<()> {
    let world = World::new().await?;
    let hook = json!({"lifecycle": {"postStart": {"httpGet": {"port": 9}}}});
    let text = pod("alone", "Never", &[container("main", "sleep 3600", hook)]);
    world.create(&text).await?;
    let told = |pod: &lifepod_client::proto::Pod| {
        let phase = pod.status.as_ref().map(|status| status.phase());
        phase == Some(PodPhase::Failed) && container_of(pod, "main").is_some()
    };
    seen(&world, "alone", "it failed", told).await?;
    let events = super::events(&world, "alone").await?;
    assert!(events.contains("FailedPostStartHook"), "{events}");
    world.finish().await
}
