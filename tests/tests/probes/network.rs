//! httpGet, tcpSocket, grpc.

use anyhow::Result;
use lifepod_client::ExecOptions;
use lifepod_tests::world::World;
use serde_json::json;

use super::{WEB, await_events, container, events, is_ready, pod, restarts, running, seen};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readiness_follows_what_the_server_answers() -> Result<()> {
    let world = World::new().await?;
    let probe = json!({
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "web"}, "periodSeconds": 1, "failureThreshold": 1},
        "ports": [{"name": "web", "containerPort": 8080}],
    });
    running(
        &world,
        &pod("web", "Always", &[container("main", WEB, probe)]),
        "web",
    )
    .await?;
    assert!(!is_ready(&world.pods().get("web").await?));

    let touch = |script| ExecOptions::new(["sh", "-c", script]);
    world
        .pods()
        .run("web", touch("echo yes > /www/ready"))
        .await?;
    seen(&world, "web", "the container is ready", is_ready).await?;
    world.pods().run("web", touch("rm /www/ready")).await?;
    let pod = seen(&world, "web", "the container is not ready", |pod| {
        !is_ready(pod)
    })
    .await?;

    assert_eq!(restarts(&pod), 0, "readiness restarts nothing");
    let events = events(&world, "web").await?;
    assert!(
        events.contains("Readiness probe failed: HTTP probe failed with statuscode: 404"),
        "{events}"
    );
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_has_started_once_its_port_is_open() -> Result<()> {
    let world = World::new().await?;
    let script = format!("until [ -e /go ]; do sleep 0.05; done; {WEB}");
    let probe = json!({
        "startupProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1, "failureThreshold": 60},
        "livenessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1, "failureThreshold": 1},
    });
    running(
        &world,
        &pod("slow", "Always", &[container("main", &script, probe)]),
        "slow",
    )
    .await?;
    let refused = |text: &str| {
        text.contains("Startup probe failed: dial tcp") && text.contains("connection refused")
    };
    await_events(&world, "slow", refused).await?;
    let pod = world.pods().get("slow").await?;
    assert!(!is_ready(&pod), "nothing is ready that has not started");

    world
        .pods()
        .run("slow", ExecOptions::new(["touch", "/go"]))
        .await?;
    let pod = seen(&world, "slow", "the container is ready", is_ready).await?;
    assert_eq!(restarts(&pod), 0, "liveness waits for the start");
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grpc_probe_of_no_server_restarts_the_container() -> Result<()> {
    let world = World::new().await?;
    let probe =
        json!({"livenessProbe": {"grpc": {"port": 9}, "periodSeconds": 1, "failureThreshold": 1}});
    let text = pod("deaf", "Always", &[container("main", "sleep 3600", probe)]);
    running(&world, &text, "deaf").await?;
    seen(&world, "deaf", "it restarted", |pod| restarts(pod) > 0).await?;
    let events = events(&world, "deaf").await?;
    assert!(
        events.contains("Liveness probe failed: error: failed to connect service"),
        "{events}"
    );
    assert!(
        events.contains("Container main failed liveness probe, will be restarted"),
        "{events}"
    );
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pods_on_the_hosts_network_are_probed_at_the_hosts_address() -> Result<()> {
    let world = World::new().await?;
    // Any free port: the host's are shared with whoever else uses the machine.
    let port = std::net::TcpListener::bind("0.0.0.0:0")?
        .local_addr()?
        .port();
    let script = format!("mkdir /www; echo x > /www/there; exec httpd -f -p {port} -h /www");
    let probe = json!({"readinessProbe": {"httpGet": {"path": "/there", "port": port}, "periodSeconds": 1}});
    let mut manifest: serde_json::Value =
        serde_json::from_str(&pod("host", "Always", &[container("main", &script, probe)]))?;
    manifest["spec"]["hostNetwork"] = true.into();
    world.create(&manifest.to_string()).await?;
    seen(&world, "host", "the container is ready", is_ready).await?;
    world.finish().await
}
