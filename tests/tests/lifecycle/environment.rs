//! What a container's process gets: command, arguments, variables, directory, user.

use anyhow::Result;
use lifepod_client::proto::PodPhase;
use lifepod_tests::{
    fixtures::busybox_for_www_data,
    world::{IMAGE, World},
};
use std::collections::BTreeMap;

const PRINTER: &str = r#"
apiVersion: v1
kind: Pod
metadata:
  name: printer
  labels: {tier: front}
spec:
  restartPolicy: Never
  containers:
  - name: main
    image: busybox:1
    workingDir: /tmp
    command: [sh, -c, 'echo "dir=$PWD"; for word in "$@"; do echo "arg=$word"; done; env', '--']
    args: ["$(GREETING), $(NAME)", "$$(GREETING)", "$(UNKNOWN)"]
    env:
    - {name: GREETING, value: hello}
    - {name: NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
    - {name: BOTH, value: "$(GREETING) $(NAME) $(LATER)"}
    - {name: LATER, value: later}
    - {name: UID_OF_POD, valueFrom: {fieldRef: {fieldPath: metadata.uid}}}
    - {name: NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
    - {name: TIER, valueFrom: {fieldRef: {fieldPath: "metadata.labels['tier']"}}}
    - {name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
    - {name: MEMORY, valueFrom: {resourceFieldRef: {resource: limits.memory, divisor: 1Mi}}}
    resources:
      limits: {memory: 64Mi}
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn command_arguments_and_environment_reach_the_process() -> Result<()> {
    let world = World::new().await?;
    world.create(PRINTER).await?;
    let pod = world.watch.phase("printer", PodPhase::Succeeded).await?;
    let output = world.cli().ok(&["logs", "printer"]).await?;

    let lines: Vec<_> = output.lines().collect();
    assert_eq!(lines[0], "dir=/tmp");
    assert_eq!(
        lines[1..4],
        ["arg=hello, printer", "arg=$(GREETING)", "arg=$(UNKNOWN)"]
    );
    let variables: BTreeMap<_, _> = lines[4..]
        .iter()
        .filter_map(|line| line.split_once('='))
        .collect();
    let uid = pod.metadata.unwrap_or_default().uid;
    let ip = pod.status.unwrap_or_default().pod_ip;
    assert!(!ip.is_empty());
    for (name, value) in [
        ("GREETING", "hello"),
        ("NAME", "printer"),
        // Only what stands before it is known to a variable.
        ("BOTH", "hello printer $(LATER)"),
        ("UID_OF_POD", &uid),
        ("NAMESPACE", "default"),
        ("TIER", "front"),
        ("POD_IP", &ip),
        ("MEMORY", "64"),
        ("HOSTNAME", "printer"),
    ] {
        assert_eq!(variables.get(name), Some(&value), "{name} in\n{output}");
    }
    assert!(
        variables["PATH"].contains("/usr/bin"),
        "the image's variables are kept"
    );
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn arguments_alone_replace_the_images_command() -> Result<()> {
    let world = World::new().await?;
    let manifest = format!(
        "apiVersion: v1
kind: Pod
metadata: {{name: plain}}
spec:
  restartPolicy: Never
  containers:
  - {{name: own, image: {IMAGE}}}
  - {{name: given, image: {IMAGE}, args: [echo, given]}}
"
    );
    world.create(&manifest).await?;
    // The image's own command is a shell, which has nothing to read and ends well.
    world.watch.phase("plain", PodPhase::Succeeded).await?;
    assert_eq!(
        world.cli().ok(&["logs", "plain", "-c", "given"]).await?,
        "given\n"
    );
    assert_eq!(world.cli().ok(&["logs", "plain", "-c", "own"]).await?, "");
    world.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_runs_as_the_images_user() -> Result<()> {
    let world = World::new().await?;
    world
        .stage
        .registry
        .push(&busybox_for_www_data()?, "library/web", "1")?;
    let manifest = "apiVersion: v1
kind: Pod
metadata: {name: user}
spec:
  restartPolicy: Never
  containers:
  - {name: main, image: 'web:1', command: [sh, -c, id -u; id -g; touch /x && echo wrote]}
";
    world.create(manifest).await?;
    world.watch.phase("user", PodPhase::Failed).await?;
    let output = world.cli().ok(&["logs", "user"]).await?;
    assert!(
        output.starts_with("33\n33\n") && !output.contains("wrote"),
        "{output}"
    );
    world.finish().await
}
