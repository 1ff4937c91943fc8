//! Commands in running containers.

use anyhow::{Result, bail};
use lifepod_client::{AttachOptions, ExecEvent, ExecOptions, proto::PodPhase};
use lifepod_tests::world::{SLEEPER, SOON, World, script_pod};
use std::{fmt::Write as _, time::Duration};

async fn running(name: &str) -> Result<World> {
    let world = World::new().await?;
    world.create(&script_pod(name, "Always", SLEEPER)).await?;
    world.watch.phase(name, PodPhase::Running).await?;
    Ok(world)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn output_and_exit_code_of_a_command_come_back() -> Result<()> {
    let world = running("target").await?;
    let cli = world.cli();
    let script = "echo out; echo err >&2; exit 7";
    let ran = cli
        .run(&["exec", "target", "--", "sh", "-c", script])
        .await?;
    assert_eq!((ran.code, ran.stdout.as_str()), (7, "out\n"));
    assert_eq!(ran.stderr, "err\ncommand terminated with exit code 7\n");

    assert_eq!(
        cli.ok(&["exec", "target", "--", "hostname"]).await?,
        "target\n"
    );
    let killed = cli
        .run(&["exec", "target", "--", "sh", "-c", "kill -9 $$"])
        .await?;
    assert_eq!(killed.code, 137);
    let missing = cli.run(&["exec", "target", "--", "/nope"]).await?;
    assert!(matches!(missing.code, 126 | 127), "{missing:?}");
    let nowhere = cli.run(&["exec", "nobody", "--", "true"]).await?;
    assert_eq!(nowhere.code, 1);
    assert!(
        nowhere.stderr.contains("pods \"nobody\" not found"),
        "{}",
        nowhere.stderr
    );
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn input_reaches_the_command_and_its_end_too() -> Result<()> {
    let world = running("eater").await?;
    let mut input = String::new();
    for number in 0..100_000 {
        writeln!(input, "{number}")?;
    }
    let ran = world
        .cli()
        .run_with(&["exec", "-i", "eater", "--", "cat"], &input)
        .await?;
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        ran.stdout == input,
        "{} of {} bytes came back",
        ran.stdout.len(),
        input.len()
    );
    // Without -i there is none.
    let ran = world
        .cli()
        .run_with(&["exec", "eater", "--", "cat"], &input)
        .await?;
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""));
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_takes_too_long_is_killed() -> Result<()> {
    let world = running("slow").await?;
    let options = ExecOptions {
        timeout: Some(Duration::from_millis(300)),
        ..ExecOptions::new(["sleep", "3600"])
    };
    let finished = world.pods().run("slow", options).await?;
    assert_eq!(finished.exit.reason, "Timeout");
    assert!(!finished.exit.success());
    let count = ExecOptions::new(["sh", "-c", "pidof sleep | wc -w"]);
    let left = world.pods().run("slow", count).await?;
    // The container's own sleep remains.
    assert_eq!(String::from_utf8(left.stdout)?.trim(), "1");
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_attached_hears_the_container_and_learns_its_end() -> Result<()> {
    let world = World::new().await?;
    let script = "while [ ! -e /go ]; do echo tick; sleep 0.1; done; exit 7";
    world.create(&script_pod("ticker", "Never", script)).await?;
    world.watch.phase("ticker", PodPhase::Running).await?;
    let attached = AttachOptions::default();
    let mut attached = world.pods().attach("ticker", attached).await?;
    let heard = tokio::time::timeout(SOON, attached.next()).await??;
    let ExecEvent::Output(output) = heard else {
        bail!("{heard:?}");
    };
    assert_eq!(output.data, "tick\n");
    let go = ["exec", "ticker", "--", "touch", "/go"];
    world.cli().ok(&go).await?;
    let exit = tokio::time::timeout(SOON, attached.exited()).await??;
    assert_eq!(exit.code, 7);
    world.finish().await
}
