//! Commands as they are typed, against a server that answers what the test has put there.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[path = "../../tests/support/mod.rs"]
mod support;

use std::{
    io::Write,
    process::{Command, Output, Stdio},
    time::Duration,
};

use bytes::Bytes;
use lifepod_client::{Code, proto, reasons};
use proto::{exec_response::Frame, watch_pods_response::Frame as WatchFrame};
use support::{Script, Setup, named, status_about};

const MANIFEST: &str =
    "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: c, image: i}]}\n";

/// Runs the binary without holding up the server, which lives in the same runtime.
async fn lifepod(endpoint: &str, arguments: &[&str], stdin: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lifepod"));
    command
        .args(arguments)
        .env("LIFEPOD_HOST", endpoint)
        .env("TZ", "UTC");
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let stdin = stdin.to_owned();
    let run = move || {
        let mut child = command.spawn().unwrap();
        // Whoever does not read it has closed it.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        child.wait_with_output().unwrap()
    };
    let limit = Duration::from_secs(30);
    tokio::time::timeout(limit, tokio::task::spawn_blocking(run))
        .await
        .expect("the command ends")
        .unwrap()
}

fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (
        output.status.code().unwrap(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

async fn run(script: Script, arguments: &[&str], stdin: &str) -> (i32, String, String) {
    let setup = Setup::new(script).await;
    told(&lifepod(&setup.endpoint, arguments, stdin).await)
}

fn with_pods(pods: Vec<proto::Pod>) -> Script {
    Script {
        pods,
        ..Default::default()
    }
}

fn with_containers(name: &str, containers: &[&str]) -> proto::Pod {
    let container = |name: &&str| proto::Container {
        name: (*name).to_owned(),
        ..Default::default()
    };
    proto::Pod {
        spec: Some(proto::PodSpec {
            containers: containers.iter().map(container).collect(),
            ..Default::default()
        }),
        ..named(name)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn create_says_what_was_created_and_warns_on_stderr() {
    let created = proto::CreatePodResponse {
        pod: Some(named("web")),
        warnings: vec![proto::Warning {
            field: "spec.affinity".to_owned(),
            message: "has no effect".to_owned(),
        }],
        ..Default::default()
    };
    let script = Script {
        creates: [Ok(created)].into(),
        ..Default::default()
    };
    let told = run(script, &["create", "-f", "-"], MANIFEST).await;
    let warning = "Warning: spec.affinity: has no effect\n".to_owned();
    assert_eq!(told, (0, "pod/web created\n".to_owned(), warning));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_refused_pod_does_not_stop_the_others() {
    let taken = status_about(
        Code::AlreadyExists,
        reasons::POD_ALREADY_EXISTS,
        &[("name", "web")],
    );
    let created = proto::CreatePodResponse {
        pod: Some(named("other")),
        ..Default::default()
    };
    let script = Script {
        creates: [Err(taken), Ok(created)].into(),
        ..Default::default()
    };
    let manifest = format!("{MANIFEST}---\n{}", MANIFEST.replace("web", "other"));
    let (code, stdout, stderr) = run(script, &["create", "-f", "-"], &manifest).await;
    assert_eq!((code, stdout.as_str()), (1, "pod/other created\n"));
    assert_eq!(
        stderr,
        "Error from server (AlreadyExists): error when creating \"STDIN\": pods \"web\" already exists\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_field_is_told_with_its_place_and_nothing_is_sent() {
    let setup = Setup::new(Script::default()).await;
    let manifest = MANIFEST.replace("image:", "imagee:");
    let (code, stdout, stderr) =
        told(&lifepod(&setup.endpoint, &["create", "-f", "-"], &manifest).await);
    assert_eq!((code, stdout.as_str()), (1, ""));
    assert_eq!(
        stderr,
        "Error from server (BadRequest): error when creating \"STDIN\": Pod in version \"v1\" cannot be handled as a \
         Pod: strict decoding error: unknown field \"spec.containers[0].imagee\"\n  at STDIN:4:31\n"
    );
    assert!(setup.mock.script.lock().unwrap().created.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_of_the_client_needs_no_server() {
    let output = lifepod(
        "unix:///nonexistent.sock",
        &["create", "-f", "-", "--dry-run=client", "-o", "yaml"],
        MANIFEST,
    );
    let (code, stdout, stderr) = told(&output.await);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(
        stdout.starts_with(
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: default\n"
        ),
        "{stdout}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn get_prints_what_is_there_and_tells_what_is_missing() {
    let (code, stdout, stderr) = run(
        with_pods(vec![named("web")]),
        &["get", "pod", "web", "nope"],
        "",
    )
    .await;
    assert_eq!(code, 1);
    assert_eq!(
        stdout,
        "NAME   READY   STATUS   RESTARTS   AGE\nweb    0/0              0          <unknown>\n"
    );
    assert_eq!(
        stderr,
        "Error from server (NotFound): pods \"nope\" not found\n"
    );
    let told = run(Script::default(), &["get", "pods", "-n", "shop"], "").await;
    assert_eq!(
        told,
        (
            0,
            String::new(),
            "No resources found in shop namespace.\n".to_owned()
        )
    );
    let told = run(Script::default(), &["get", "pods", "-o", "yaml"], "").await;
    assert_eq!(
        told.1,
        "apiVersion: v1\nitems: []\nkind: List\nmetadata:\n  resourceVersion: \"\"\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn delete_waits_until_the_pod_is_gone() {
    let going = proto::DeletePodResponse {
        pod: Some(named("web")),
        removed: false,
        resume_token: "t1".to_owned(),
    };
    let gone = proto::WatchPodsResponse {
        frame: Some(WatchFrame::Change(proto::PodChange {
            kind: proto::ChangeKind::Deleted.into(),
            ..Default::default()
        })),
    };
    let setup = Setup::new(Script {
        deletes: [Ok(going)].into(),
        watches: [vec![Ok(gone)]].into(),
        ..Default::default()
    })
    .await;
    let output = lifepod(
        &setup.endpoint,
        &["delete", "pod", "web", "--grace-period=0"],
        "",
    )
    .await;
    assert_eq!(
        told(&output),
        (
            0,
            "pod \"web\" deleted from default namespace\n".to_owned(),
            String::new()
        )
    );
    let script = setup.mock.script.lock().unwrap();
    // Zero without --force is the shortest grace that still waits for the containers.
    assert_eq!(script.deleted[0].grace_period_seconds, Some(1));
    assert_eq!(script.watched.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_nothing_to_wait_for_when_all_pods_are_gone() {
    for any in [&["--any"][..], &[]] {
        let arguments = [&["wait", "--all", "pods", "--for=delete"], any].concat();
        let told = run(Script::default(), &arguments, "").await;
        assert_eq!(told, (0, String::new(), String::new()), "{any:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn delete_gives_up_after_its_timeout() {
    let going = proto::DeletePodResponse {
        pod: Some(named("web")),
        ..Default::default()
    };
    let script = Script {
        deletes: [Ok(going)].into(),
        ..Default::default()
    };
    let (code, stdout, stderr) = run(script, &["delete", "pod/web", "--timeout=100ms"], "").await;
    assert_eq!(
        (code, stdout.as_str()),
        (1, "pod \"web\" deleted from default namespace\n")
    );
    assert_eq!(
        stderr,
        "error: timed out waiting for the condition on pods/web\n"
    );
}

fn exec_frames(exit: Option<i32>) -> Vec<Result<proto::ExecResponse, tonic::Status>> {
    let output = |stream: proto::OutputStream, text: &'static str| {
        Frame::Output(proto::ExecOutput {
            stream: stream.into(),
            offset: 0,
            data: Bytes::from_static(text.as_bytes()),
        })
    };
    let mut frames = vec![
        Frame::Started(proto::ExecStarted::default()),
        output(proto::OutputStream::Stdout, "out\n"),
        output(proto::OutputStream::Stderr, "err\n"),
    ];
    frames.extend(exit.map(|code| {
        Frame::Exited(proto::ExecExited {
            exit: Some(proto::ExitInfo {
                code,
                ..Default::default()
            }),
            ..Default::default()
        })
    }));
    frames
        .into_iter()
        .map(|frame| Ok(proto::ExecResponse { frame: Some(frame) }))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn exec_passes_output_and_exit_code_on() {
    let script = Script {
        execs: [exec_frames(Some(42))].into(),
        ..with_pods(vec![with_containers("web", &["c"])])
    };
    let told = run(script, &["exec", "web", "--", "true"], "").await;
    let stderr = "err\ncommand terminated with exit code 42\n".to_owned();
    assert_eq!(told, (42, "out\n".to_owned(), stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn exec_without_an_exit_is_a_failure() {
    let script = Script {
        execs: [exec_frames(None)].into(),
        ..with_pods(vec![with_containers("web", &["c"])])
    };
    let (code, _, stderr) = run(script, &["exec", "web", "--", "true"], "").await;
    assert_eq!(code, 1);
    assert!(
        stderr.ends_with("error: the stream ended before the command's outcome was known\n"),
        "{stderr}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_choose_a_container_and_say_so() {
    let entry = proto::LogEntry {
        data: Bytes::from_static(b"one\ntwo\n"),
        ..Default::default()
    };
    let message = proto::ReadLogsResponse {
        entries: vec![entry],
        ..Default::default()
    };
    let setup = Setup::new(Script {
        logs: [vec![Ok(message)]].into(),
        ..with_pods(vec![with_containers("web", &["a", "b"])])
    })
    .await;
    let output = lifepod(
        &setup.endpoint,
        &["logs", "web", "--prefix", "--tail=5"],
        "",
    )
    .await;
    let stdout = "[pod/web/a] one\n[pod/web/a] two\n".to_owned();
    assert_eq!(
        told(&output),
        (
            0,
            stdout,
            "Defaulted container \"a\" out of: a, b\n".to_owned()
        )
    );
    let request = setup.mock.script.lock().unwrap().logs_read[0].clone();
    assert_eq!(
        (
            request.tail_lines,
            request.target.unwrap().container.as_str()
        ),
        (Some(5), "a")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_on_the_command_line_are_told_as_kubectl_does() {
    let cases: [(&[&str], &str); 9] = [
        (
            &["get", "pods", "--nope"],
            "error: unknown flag: --nope\nSee 'lifepod get --help' for usage.\n",
        ),
        (
            &["get", "pod", "x", "-A"],
            "error: a resource cannot be retrieved by name across all namespaces\n",
        ),
        (
            &["get", "pod", "x", "-l", "a=b"],
            "error: name cannot be provided when a selector is specified\n",
        ),
        (
            &["delete", "pods", "x", "--all"],
            "error: name cannot be provided when a selector is specified\n",
        ),
        (
            &["delete", "pod", "x", "--force", "--grace-period=5"],
            "error: --force and --grace-period greater than 0 cannot be specified together\n",
        ),
        (
            &["delete", "pod", "x", "--grace-period=abc"],
            "error: invalid argument \"abc\" for \"--grace-period\" flag: strconv.ParseInt: parsing \"abc\": invalid \
             syntax\nSee 'lifepod delete --help' for usage.\n",
        ),
        (
            &["exec", "x", "--"],
            "error: you must specify at least one command for the container\n",
        ),
        (
            &["wait", "--for=ready", "pod/x"],
            "error: unrecognized condition: \"ready\"\n",
        ),
        (
            &["events", "--for", "nope"],
            "error: --for must be in resource/name form\n",
        ),
    ];
    for (arguments, expected) in cases {
        let output = lifepod("unix:///nonexistent.sock", arguments, "").await;
        assert_eq!(
            told(&output),
            (1, String::new(), expected.to_owned()),
            "{arguments:?}"
        );
    }
}

fn met() -> proto::WaitPodResponse {
    proto::WaitPodResponse {
        outcome: Some(proto::wait_pod_response::Outcome::Met(
            proto::WaitMet::default(),
        )),
        ..Default::default()
    }
}

fn impossible() -> proto::WaitPodResponse {
    let ended = proto::WaitImpossible {
        reason: "PodTerminal".to_owned(),
        message: "it has ended".to_owned(),
        transition: None,
    };
    proto::WaitPodResponse {
        outcome: Some(proto::wait_pod_response::Outcome::Impossible(ended)),
        ..Default::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_any_asks_once_for_all_conditions_of_each_pod() {
    let setup = Setup::new(Script {
        pods: vec![named("a"), named("b")],
        waits: [impossible(), met()].into(),
        ..Default::default()
    })
    .await;
    let command = [
        "wait",
        "--any",
        "--all",
        "pods",
        "--for=phase=Succeeded",
        "--for=container=app=Waiting:CrashLoopBackOff",
    ];
    let (code, stdout, stderr) = told(&lifepod(&setup.endpoint, &command, "").await);
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout == "pod/a condition met\n" || stdout == "pod/b condition met\n");
    assert!(stderr.contains("can ever be met: it has ended"), "{stderr}");
    let script = setup.mock.script.lock().unwrap();
    assert_eq!(script.waited.len(), 2);
    let second = script.waited[0].any_of[1].condition.clone().unwrap();
    let proto::wait_condition::Condition::ContainerState(wanted) = second else {
        panic!("{second:?}");
    };
    assert_eq!(wanted.state(), proto::ContainerStateKind::Waiting);
    assert_eq!(wanted.reason, "CrashLoopBackOff");
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_any_fails_when_none_can_come_true() {
    let script = Script {
        pods: vec![named("a")],
        waits: [impossible()].into(),
        ..Default::default()
    };
    let (code, stdout, _) = run(
        script,
        &["wait", "--any", "pod/a", "--for=phase=Running"],
        "",
    )
    .await;
    assert_eq!((code, stdout.as_str()), (1, ""));
}
