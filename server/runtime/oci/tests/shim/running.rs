//! Containers and execs through a handle.

use std::{
    fs::{self, File, OpenOptions},
    io::{PipeReader, Read as _, Write as _, pipe},
    os::fd::AsRawFd as _,
};

use lifepod_oci::shim::{ExecStdio, ShimError, ShimEvent, ShimHandle};
use lifepod_shim::{
    SandboxConfig, SandboxDir,
    protocol::{ErrorCode, Exec, TerminalSize},
};

use crate::pod::{Pod, next_exit, program};

fn exec(id: &str, script: &str) -> Exec {
    Exec {
        id: id.to_owned(),
        container: "c".to_owned(),
        args: ["/bin/busybox", "sh", "-c", script]
            .map(str::to_owned)
            .to_vec(),
        ..Exec::default()
    }
}

fn output_only() -> (ExecStdio, PipeReader) {
    let (reader, stdout) = pipe().unwrap();
    let stderr = stdout.try_clone().unwrap();
    let stdin = File::open("/dev/null").unwrap();
    (
        ExecStdio::Pipes {
            stdin: stdin.into(),
            stdout: stdout.into(),
            stderr: stderr.into(),
        },
        reader,
    )
}

fn refused(error: ShimError) -> ErrorCode {
    match error {
        ShimError::Refused(failure) => failure.code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_container_runs_and_its_exit_is_an_event() {
    let (pod, mut events) = Pod::start().await;
    let started = pod.run("c", "exit 3").await.unwrap();
    let record = next_exit(&mut events).await;
    assert_eq!(
        (record.container_id.as_str(), record.pid, record.exit_code),
        ("c", started.pid, 3)
    );
    pod.shim.delete("c").await.unwrap();
    assert_eq!(pod.shim.state().await.unwrap().containers, vec![]);
    let gone = pod.shim.signal("c", 15, false).await.unwrap_err();
    assert_eq!(refused(gone), ErrorCode::NotFound);
    pod.shut_down().await;
}

#[tokio::test]
async fn an_exec_gives_output_and_exit_code() {
    let (pod, _events) = Pod::start().await;
    pod.run("c", "sleep 1000").await.unwrap();
    let (stdio, mut reader) = output_only();
    let running = pod
        .shim
        .exec(exec("e", "echo out; exit 7"), stdio)
        .await
        .unwrap();
    assert_eq!(running.wait().await.unwrap().exit_code, 7);
    let mut out = String::new();
    reader.read_to_string(&mut out).unwrap();
    assert_eq!(out, "out\n");
    let missing = Exec {
        args: vec!["no-such".to_owned()],
        ..exec("f", "")
    };
    let error = pod.shim.exec(missing, output_only().0).await.err().unwrap();
    assert_eq!(refused(error), ErrorCode::ExecutableNotFound);
    pod.shut_down().await;
}

#[tokio::test]
async fn an_exec_on_a_terminal_gives_its_master_side() {
    let (pod, _events) = Pod::start().await;
    pod.run("c", "sleep 1000").await.unwrap();
    let call = Exec {
        terminal: Some(TerminalSize {
            width: 90,
            height: 20,
        }),
        ..exec("e", "busybox stty size; read line; exit 2")
    };
    let mut running = pod.shim.exec(call, ExecStdio::Terminal).await.unwrap();
    let mut master = File::from(running.take_master().unwrap());
    let mut seen = [0; 7];
    master.read_exact(&mut seen).unwrap();
    assert_eq!(&seen, b"20 90\r\n");
    master.write_all(b"x\n").unwrap();
    assert_eq!(running.wait().await.unwrap().exit_code, 2);
    pod.shut_down().await;
}

#[tokio::test]
async fn an_exec_can_be_killed_without_waiting() {
    let (pod, _events) = Pod::start().await;
    pod.run("c", "sleep 1000").await.unwrap();
    let running = pod
        .shim
        .exec(exec("e", "sleep 1000"), output_only().0)
        .await
        .unwrap();
    running.control().kill_soon();
    assert_eq!(running.wait().await.unwrap().signal, Some(9));
    pod.shut_down().await;
}

#[tokio::test]
async fn many_requests_at_once_get_their_own_answers() {
    let (pod, mut events) = Pod::start().await;
    let run = async |n| pod.run(&format!("c{n}"), &format!("exit {n}")).await;
    for started in futures::future::join_all((0..8).map(run)).await {
        started.unwrap();
    }
    let mut codes = Vec::new();
    for _ in 0..8 {
        let record = next_exit(&mut events).await;
        assert_eq!(record.container_id, format!("c{}", record.exit_code));
        codes.push(record.exit_code);
    }
    codes.sort_unstable();
    assert_eq!(codes, (0..8).collect::<Vec<_>>());
    pod.shut_down().await;
}

#[tokio::test]
async fn after_the_shutdown_the_shim_is_lost_and_says_so() {
    let (pod, mut events) = Pod::start().await;
    pod.shim.shutdown().await.unwrap();
    assert!(matches!(events.next().await, ShimEvent::Lost));
    assert!(matches!(pod.shim.state().await, Err(ShimError::Gone)));
    assert!(matches!(
        ShimHandle::connect(&pod.dir).await,
        Err(ShimError::Io(_))
    ));
}

#[tokio::test]
async fn a_sandbox_that_cannot_be_made_says_why() {
    let temp = tempfile::tempdir().unwrap();
    let dir = SandboxDir::new(temp.path());
    let config = SandboxConfig {
        cgroup_parent: "not absolute".to_owned(),
        ..SandboxConfig::default()
    };
    let error = ShimHandle::spawn(program(), &dir, &config)
        .await
        .err()
        .unwrap();
    assert!(
        matches!(&error, ShimError::Start { message } if message.contains("not absolute")),
        "{error}"
    );
}

/// A root in a container can keep `/proc/<shim's child>/exe` open and write it when nobody runs it any more.
#[tokio::test]
async fn the_shim_s_program_cannot_be_written_through_a_process_that_runs_it() {
    let temp = tempfile::tempdir().unwrap();
    // One that no other test runs: a running program cannot be written in any case.
    let own = temp.path().join("shim");
    fs::copy(program(), &own).unwrap();
    let (pod, _events) = Pod::start_by(&own).await;
    let program = File::open(format!("/proc/{}/exe", pod.state.pid)).unwrap();
    let lengths = [&program, &File::open(&own).unwrap()].map(|file| file.metadata().unwrap().len());
    assert_eq!(lengths[0], lengths[1]);
    pod.shut_down().await;
    let again = format!("/proc/self/fd/{}", program.as_raw_fd());
    let error = OpenOptions::new().write(true).open(again).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ReadOnlyFilesystem);
}
