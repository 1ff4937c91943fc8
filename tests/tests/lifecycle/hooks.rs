//! postStart and preStop.

use anyhow::Result;
use lifepod_client::{
    DeleteOptions, ExecOptions, LogOptions,
    proto::{Pod, PodPhase},
};
use lifepod_tests::world::{Gate, IMAGE, SLEEPER, World, container_of, word};

fn pod_with_hooks(name: &str, script: &str, hooks: &str) -> String {
    let script = serde_json::Value::from(script);
    format!(
        "apiVersion: v1
kind: Pod
metadata: {{name: {name}}}
spec:
  restartPolicy: Never
  hostNetwork: true
  containers:
  - name: main
    image: {IMAGE}
    command: [sh, -c, {script}]
    lifecycle:
{hooks}
"
    )
}

fn shown(pod: &Pod) -> String {
    word(container_of(pod, "main").and_then(|status| status.state.as_ref()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_is_not_running_before_its_post_start_hook_returned() -> Result<()> {
    let world = World::new().await?;
    let gate = Gate::new().await?;
    let hook = format!("{} > /message", gate.wait_command());
    let hooks = format!("      postStart: {{exec: {{command: [sh, -c, '{hook}']}}}}");
    world
        .create(&pod_with_hooks("greeted", SLEEPER, &hooks))
        .await?;

    // The hook runs, so the process does too; nobody is told yet.
    let visitor = gate.visitor().await?;
    let pod = world.pods().get("greeted").await?;
    assert_eq!(shown(&pod), "Waiting(ContainerCreating)");
    assert_eq!(pod.status.unwrap_or_default().phase(), PodPhase::Pending);
    let listed = world.cli().ok(&["get", "pods"]).await?;
    assert!(listed.contains("ContainerCreating"), "{listed}");

    visitor.let_through("hello from the hook").await?;
    world.watch.phase("greeted", PodPhase::Running).await?;
    let cat = world
        .pods()
        .run("greeted", ExecOptions::new(["cat", "/message"]))
        .await?;
    assert_eq!(String::from_utf8(cat.stdout)?, "hello from the hook");
    let timeline = world.watch.timeline();
    let hook = timeline.states("greeted", "PostStart of main attempt 0");
    assert_eq!(hook, ["", "Running", "Succeeded"]);
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_post_start_hook_ends_the_container() -> Result<()> {
    let world = World::new().await?;
    // The hook waits until the process can hear the stop signal.
    let script = "trap 'exit 5' TERM; touch /ready; sleep 3600 & wait";
    let hook = "until [ -e /ready ]; do sleep 0.02; done; echo why >&2; exit 4";
    let hooks = format!("      postStart: {{exec: {{command: [sh, -c, '{hook}']}}}}");
    world
        .create(&pod_with_hooks("unwelcome", script, &hooks))
        .await?;

    let pod = world.watch.phase("unwelcome", PodPhase::Failed).await?;
    assert_eq!(shown(&pod), "Terminated(Error,5)");
    assert!(
        !world
            .watch
            .timeline()
            .shown("unwelcome", "main")
            .contains(&"Running".to_owned())
    );
    let events = world
        .cli()
        .ok(&["events", "--for", "pod/unwelcome"])
        .await?;
    assert!(events.contains("FailedPostStartHook"), "{events}");
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pre_stop_hook_runs_before_the_stop_signal_is_sent() -> Result<()> {
    let world = World::new().await?;
    let gate = Gate::new().await?;
    let script = "trap 'echo signalled; exit 0' TERM; echo up; sleep 3600 & wait";
    let hook = format!(
        "{} > /dev/null; echo hook > /proc/1/fd/1",
        gate.wait_command()
    );
    let hooks = format!("      preStop: {{exec: {{command: [sh, -c, '{hook}']}}}}");
    world
        .create(&pod_with_hooks("polite", script, &hooks))
        .await?;
    world.watch.phase("polite", PodPhase::Running).await?;
    let follow = LogOptions {
        follow: true,
        ..LogOptions::default()
    };
    let mut logs = world.pods().logs("polite", follow).await?;
    let mut written = Vec::new();
    while !written.starts_with(b"up\n") {
        let entries = logs.next().await?.unwrap_or_default();
        written.extend(entries.into_iter().flat_map(|entry| entry.data));
    }

    world
        .pods()
        .delete("polite", DeleteOptions::default())
        .await?;
    let visitor = gate.visitor().await?;
    let pod = world.pods().get("polite").await?;
    assert_eq!(shown(&pod), "Running");
    assert!(
        pod.metadata
            .unwrap_or_default()
            .deletion_timestamp
            .is_some()
    );
    visitor.let_through("go").await?;

    while let Some(entries) = logs.next().await? {
        written.extend(entries.into_iter().flat_map(|entry| entry.data));
    }
    assert_eq!(String::from_utf8(written)?, "up\nhook\nsignalled\n");
    world.watch.gone("polite").await?;
    let timeline = world.watch.timeline();
    let hook = timeline.states("polite", "PreStop of main attempt 0");
    assert_eq!(hook, ["", "Running", "Succeeded"]);
    assert_eq!(
        timeline.states("polite", "phase").last(),
        Some(&"Succeeded")
    );
    world.finish().await
}
