//! Hooks over the network, and what may not be a hook.

use anyhow::Result;
use lifepod_client::proto::PodPhase;
use lifepod_tests::world::{World, container_of};
use serde_json::json;

use super::{container, pod, seen};

/// Writes what it is asked, and answers with an error.
const RECORDER: &str = r#"cat > /answer <<'END'
#!/bin/sh
while read -r line && [ "$line" != "$(printf '\r')" ]; do echo "$line" > /proc/1/fd/1; done
printf 'HTTP/1.0 500 no\r\n\r\n'
END
chmod +x /answer; exec nc -ll -p 8081 -e /answer"#;

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
    for line in [
        "GET /hello?from=hook HTTP/1.1",
        "x-who: me",
        "user-agent: kube-lifecycle/",
    ] {
        world.says("greeted", "recorder", line).await?;
    }
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_that_reaches_nobody_fails_the_container() -> Result<()> {
    let world = World::new().await?;
    let hook = json!({"lifecycle": {"postStart": {"httpGet": {"port": 9}}}});
    let text = pod("alone", "Never", &[container("main", "sleep 3600", hook)]);
    world.create(&text).await?;
    let told = |pod: &lifepod_client::proto::Pod| {
        let phase = pod
            .status
            .as_ref()
            .map(lifepod_client::proto::PodStatus::phase);
        phase == Some(PodPhase::Failed) && container_of(pod, "main").is_some()
    };
    seen(&world, "alone", "it failed", told).await?;
    let events = super::events(&world, "alone").await?;
    assert!(events.contains("FailedPostStartHook"), "{events}");
    world.finish().await
}
