//! What the containers of a pod share, with each other and with the host.

use anyhow::{Context, Result};
use lifepod_client::{ExecOptions, proto::PodPhase};
use lifepod_tests::world::{IMAGE, SLEEPER, World, script_pod};
use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
};

async fn run(world: &World, pod: &str, container: &str, script: &str) -> Result<String> {
    let options = ExecOptions::new(["sh", "-c", script]).container(container);
    let finished = world.pods().run(pod, options).await?;
    let error = String::from_utf8_lossy(&finished.stderr);
    assert!(
        finished.exit.success(),
        "{script}: {:?} {error}",
        finished.exit
    );
    Ok(String::from_utf8(finished.stdout)?.trim().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn containers_share_network_shared_memory_and_host_name_but_not_files() -> Result<()> {
    let world = World::new().await?;
    let sleeper = serde_json::Value::from(SLEEPER);
    let manifest = format!(
        "apiVersion: v1
kind: Pod
metadata: {{name: shared}}
spec:
  containers:
  - name: web
    image: {IMAGE}
    command: [sh, -c, 'mkdir /www; echo page > /www/index.html; exec httpd -f -p 8080 -h /www']
  - {{name: other, image: {IMAGE}, command: [sh, -c, {sleeper}]}}
  terminationGracePeriodSeconds: 1
"
    );
    world.create(&manifest).await?;
    let pod = world.watch.phase("shared", PodPhase::Running).await?;

    let fetch = "until wget -q -O - http://127.0.0.1:8080/; do sleep 0.1; done";
    assert_eq!(run(&world, "shared", "other", fetch).await?, "page");
    let net = "for kind in net ipc uts; do readlink /proc/self/ns/$kind; done";
    let namespaces = run(&world, "shared", "web", net).await?;
    assert_eq!(run(&world, "shared", "other", net).await?, namespaces);
    assert_eq!(run(&world, "shared", "other", "hostname").await?, "shared");
    run(
        &world,
        "shared",
        "web",
        "echo here > /dev/shm/note; echo mine > /tmp/note",
    )
    .await?;
    assert_eq!(
        run(&world, "shared", "other", "cat /dev/shm/note").await?,
        "here"
    );
    assert_eq!(run(&world, "shared", "other", "ls /tmp").await?, "");
    let hosts = run(&world, "shared", "other", "cat /etc/hosts").await?;
    let ip = pod.status.unwrap_or_default().pod_ip;
    assert!(hosts.contains(&format!("{ip}\tshared")), "{hosts}");

    let mut page = String::new();
    let mut connection = TcpStream::connect((ip.as_str(), 8080)).context("from the host")?;
    connection.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    connection.read_to_string(&mut page)?;
    assert!(page.ends_with("page\n"), "{page}");
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_network_pod_is_on_the_hosts_network() -> Result<()> {
    let world = World::new().await?;
    let manifest = script_pod("host", "Always", SLEEPER) + "  hostNetwork: true\n";
    world.create(&manifest).await?;
    let pod = world.watch.phase("host", PodPhase::Running).await?;

    let ours = fs::read_link(format!("/proc/{}/ns/net", world.daemon()?.pid()))?;
    let theirs = run(&world, "host", "", "readlink /proc/self/ns/net").await?;
    assert_eq!(ours.to_string_lossy(), theirs);
    let status = pod.status.unwrap_or_default();
    assert_eq!(status.pod_ip, status.host_ip);
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    assert_eq!(run(&world, "host", "", "hostname").await?, host);
    world.finish().await
}
