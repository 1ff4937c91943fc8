//! Reading what containers wrote, with the command line client.

use anyhow::{Context, Result};
use lifepod_client::proto::PodPhase;
use lifepod_tests::world::{IMAGE, SLEEPER, SOON, World, script_pod};
use std::process::Stdio;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    time::timeout,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logs_are_read_whole_from_the_end_and_with_times() -> Result<()> {
    let world = World::new().await?;
    let script = "for n in 1 2 3 4; do echo out $n; done; echo err >&2";
    world.create(&script_pod("writer", "Never", script)).await?;
    world.watch.phase("writer", PodPhase::Succeeded).await?;
    let cli = world.cli();

    let whole = cli.ok(&["logs", "writer"]).await?;
    let mut lines: Vec<_> = whole.lines().collect();
    // Both streams are told, each in its own order.
    lines.sort_unstable();
    assert_eq!(lines, ["err", "out 1", "out 2", "out 3", "out 4"]);
    let tail = cli.ok(&["logs", "--tail=2", "writer"]).await?;
    assert!(
        whole.ends_with(&tail) && tail.lines().count() == 2,
        "{tail}"
    );
    assert_eq!(cli.ok(&["logs", "--tail=0", "writer"]).await?, "");
    assert_eq!(
        cli.ok(&["logs", "--limit-bytes=3", "writer"]).await?,
        whole[..3]
    );
    let timed = cli.ok(&["logs", "--timestamps", "writer"]).await?;
    for (line, plain) in timed.lines().zip(whole.lines()) {
        let (time, rest) = line.split_once(' ').context("no time")?;
        assert!(
            time.len() >= 20 && time.contains('T') && time.ends_with('Z'),
            "{line}"
        );
        assert_eq!(rest, plain);
    }
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_followed_log_ends_with_its_container() -> Result<()> {
    let world = World::new().await?;
    let script = "echo first; trap 'echo last; exit 0' TERM; sleep 3600 & wait";
    world
        .create(&script_pod("speaker", "Never", script))
        .await?;
    world.watch.phase("speaker", PodPhase::Running).await?;
    let cli = world.cli();

    let mut command = cli.command(&["logs", "-f", "speaker"]);
    let mut following = command.stdout(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(following.stdout.take().context("no output")?).lines();
    assert_eq!(
        timeout(SOON, lines.next_line()).await??.as_deref(),
        Some("first")
    );
    cli.ok(&[
        "exec",
        "speaker",
        "--",
        "sh",
        "-c",
        "echo live > /proc/1/fd/1",
    ])
    .await?;
    assert_eq!(
        timeout(SOON, lines.next_line()).await??.as_deref(),
        Some("live")
    );
    world.delete("speaker").await?;
    assert_eq!(
        timeout(SOON, lines.next_line()).await??.as_deref(),
        Some("last")
    );
    assert_eq!(timeout(SOON, lines.next_line()).await??, None);
    assert!(timeout(SOON, following.wait()).await??.success());
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_previous_instances_log_is_kept() -> Result<()> {
    let world = World::new().await?;
    let script = format!(
        "run=$(cat /dev/shm/run 2>/dev/null || echo 0); echo $((run + 1)) > /dev/shm/run; \
         echo run $run; [ $run = 0 ] && exit 1; {SLEEPER}"
    );
    world
        .create(&script_pod("again", "OnFailure", &script))
        .await?;
    let runs_again = |seen: &lifepod_tests::world::Timeline| {
        let container = seen.container("again", "main")?;
        (container.restart_count == 1 && container.ready).then_some(())
    };
    world.watch.until("it runs again", runs_again).await?;
    let cli = world.cli();
    assert_eq!(cli.ok(&["logs", "-p", "again"]).await?, "run 0\n");

    world.create(&script_pod("once", "Never", SLEEPER)).await?;
    world.watch.phase("once", PodPhase::Running).await?;
    let none = cli.run(&["logs", "-p", "once"]).await?;
    assert_eq!(none.code, 1);
    let expected = "previous terminated container \"main\" in pod \"once\" not found";
    assert!(none.stderr.contains(expected), "{}", none.stderr);
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_must_be_named_when_there_are_several() -> Result<()> {
    let world = World::new().await?;
    let manifest = format!(
        "apiVersion: v1
kind: Pod
metadata: {{name: two}}
spec:
  restartPolicy: Never
  containers:
  - {{name: a, image: {IMAGE}, command: [echo, from a]}}
  - {{name: b, image: {IMAGE}, command: [echo, from b]}}
"
    );
    world.create(&manifest).await?;
    world.watch.phase("two", PodPhase::Succeeded).await?;
    let cli = world.cli();
    assert_eq!(cli.ok(&["logs", "two", "-c", "b"]).await?, "from b\n");
    assert_eq!(cli.ok(&["logs", "two", "b"]).await?, "from b\n");
    // Without a name, the first is taken and a remark made, as kubectl does.
    let first = cli.run(&["logs", "two"]).await?;
    assert_eq!(first.stdout, "from a\n");
    assert!(
        first
            .stderr
            .contains("Defaulted container \"a\" out of: a, b"),
        "{}",
        first.stderr
    );
    let unknown = cli.run(&["logs", "two", "-c", "c"]).await?;
    assert_eq!(unknown.code, 1);
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_too_long_is_rotated_and_goes_on() -> Result<()> {
    let world = World::new().await?;
    // More than ten mebibytes with the time stamps of their lines.
    let script = "yes 0123456789012345678901234567890123456789 | head -c 11000000; \
                  while sleep 0.2; do echo tick; done";
    world.create(&script_pod("chatty", "Never", script)).await?;
    let pod = world.watch.phase("chatty", PodPhase::Running).await?;
    let uid = pod.metadata.unwrap_or_default().uid;
    let logs = world
        .stage
        .folder()
        .join(format!("data/logs/default_chatty_{uid}/main"));
    let rotated = || {
        let entries = std::fs::read_dir(&logs).into_iter().flatten().flatten();
        let mut names = entries.map(|entry| entry.file_name());
        names.any(|name| name.to_string_lossy().starts_with("0.log."))
    };
    let wait = async {
        while !rotated() {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    timeout(SOON, wait).await.context("nothing is rotated")?;
    // Only the new file is read now.
    world.says("chatty", "main", "tick").await?;
    world.finish().await
}
