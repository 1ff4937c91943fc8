//! How the command line client shows pods.

use anyhow::{Context, Result};
use lifepod_client::{manifest, proto::PodPhase};
use lifepod_tests::world::{Gate, SLEEPER, World, script_pod};
use std::process::Stdio;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    time::timeout,
};

/// The cells of the table's only row, under their headings.
fn row(table: &str) -> Result<Vec<&str>> {
    let mut lines = table.lines();
    let headings: Vec<_> = lines
        .next()
        .context("no headings")?
        .split_whitespace()
        .collect();
    assert_eq!(
        headings[..5],
        ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    );
    Ok(lines.next().context("no row")?.split_whitespace().collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pods_are_listed_from_container_creating_to_running() -> Result<()> {
    let world = World::new().await?;
    let gate = Gate::new().await?;
    let hook = gate.wait_command();
    let manifest = script_pod("listed", "Always", SLEEPER)
        + &format!("    lifecycle: {{postStart: {{exec: {{command: [sh, -c, '{hook}']}}}}}}\n")
        + "  hostNetwork: true\n";
    let cli = world.cli();
    let created = cli.run_with(&["create", "-f", "-"], &manifest).await?;
    assert_eq!(
        (created.code, created.stdout.as_str()),
        (0, "pod/listed created\n")
    );
    let again = cli.run_with(&["create", "-f", "-"], &manifest).await?;
    assert_eq!(again.code, 1);
    assert!(
        again.stderr.contains("pods \"listed\" already exists"),
        "{}",
        again.stderr
    );

    let visitor = gate.visitor().await?;
    let table = cli.ok(&["get", "pods"]).await?;
    assert_eq!(
        row(&table)?[..4],
        ["listed", "0/1", "ContainerCreating", "0"]
    );
    visitor.let_through("").await?;
    let pod = world.watch.phase("listed", PodPhase::Running).await?;
    let table = cli.ok(&["get", "pods", "-o", "wide"]).await?;
    let cells = row(&table)?;
    assert_eq!(cells[..4], ["listed", "1/1", "Running", "0"]);
    assert_eq!(cells[5], pod.status.clone().unwrap_or_default().pod_ip);

    for format in ["json", "yaml"] {
        let text = cli.ok(&["get", "pod", "listed", "-o", format]).await?;
        let read = manifest::parse(&text)?.pop().context("no pod")?;
        assert_eq!(read.spec, pod.spec, "{format}");
        assert_eq!(read.metadata.unwrap_or_default().name, "listed");
    }
    assert_eq!(
        cli.ok(&["get", "pods", "-o", "name"]).await?,
        "pod/listed\n"
    );
    world.says("listed", "", "ready").await?;
    let deleted = cli.ok(&["delete", "pod", "listed"]).await?;
    assert!(deleted.contains("pod \"listed\" deleted"), "{deleted}");
    assert!(!cli.ok(&["get", "pods"]).await?.contains("listed"));
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_description_tells_the_events_in_order() -> Result<()> {
    let world = World::new().await?;
    world.create(&script_pod("told", "Always", SLEEPER)).await?;
    world.watch.phase("told", PodPhase::Running).await?;
    let text = world.cli().ok(&["describe", "pod", "told"]).await?;
    let (head, events) = text.split_once("Events:").context("no events")?;
    for line in [
        "Name: ",
        "Namespace: ",
        "Status: ",
        "QoS Class: ",
        "Containers:",
        "Conditions:",
    ] {
        assert!(head.contains(line), "no `{line}` in\n{text}");
    }
    let reasons: Vec<_> = events
        .lines()
        .filter_map(|line| line.split_whitespace().nth(1))
        .collect();
    let expected = ["Scheduled", "Pulling", "Pulled", "Created", "Started"];
    let first = reasons
        .iter()
        .position(|reason| *reason == "Scheduled")
        .context(text.clone())?;
    assert_eq!(reasons[first..], expected, "{text}");
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watching_list_shows_every_stage() -> Result<()> {
    let world = World::new().await?;
    let mut command = world.cli().command(&["get", "pods", "-w"]);
    let mut watching = command.stdout(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(watching.stdout.take().context("no output")?).lines();
    world.create(&script_pod("seen", "Never", "exit 0")).await?;
    let mut stages: Vec<String> = Vec::new();
    while stages.last().map(String::as_str) != Some("Completed") {
        let next = timeout(lifepod_tests::world::SOON, lines.next_line()).await;
        let line = next
            .with_context(|| format!("after {stages:?}"))??
            .context("it ended")?;
        if line.starts_with("seen") {
            stages.extend(line.split_whitespace().nth(2).map(str::to_owned));
            stages.dedup();
        }
    }
    assert_eq!(stages, ["ContainerCreating", "Running", "Completed"]);
    watching.kill().await?;
    world.finish().await
}
