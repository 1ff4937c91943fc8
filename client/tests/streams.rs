//! Watches, commands and logs over connections that break.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod support;

use bytes::Bytes;
use lifepod_client::{
    Code, Error, ExecEvent, ExecOptions, LogOptions, WatchEvent, WatchOptions, WatchStart, proto,
    reasons,
};
use proto::{exec_response, watch_pods_request::Start, watch_pods_response::Frame};
use support::{Script, Setup, named, status};
use tonic::Status;

fn frame(frame: Frame) -> Result<proto::WatchPodsResponse, Status> {
    Ok(proto::WatchPodsResponse { frame: Some(frame) })
}

fn started() -> Result<proto::WatchPodsResponse, Status> {
    frame(Frame::Started(proto::WatchStarted::default()))
}

fn snapshot(name: &str) -> Result<proto::WatchPodsResponse, Status> {
    frame(Frame::SnapshotPod(proto::SnapshotPod {
        pod: Some(named(name)),
    }))
}

fn snapshot_done(revision: u64) -> Result<proto::WatchPodsResponse, Status> {
    frame(Frame::SnapshotDone(proto::SnapshotDone {
        revision,
        resume_token: format!("t{revision}"),
    }))
}

fn change(revision: u64) -> Result<proto::WatchPodsResponse, Status> {
    frame(Frame::Change(proto::PodChange {
        revision,
        resume_token: format!("t{revision}"),
        ..Default::default()
    }))
}

/// What a watch told, in short.
fn short(event: &WatchEvent) -> String {
    match event {
        WatchEvent::Reset(reason) => format!("reset {reason:?}"),
        WatchEvent::Snapshot(pod) => format!("pod {}", pod.metadata.as_ref().unwrap().name),
        WatchEvent::SnapshotDone { revision } => format!("done {revision}"),
        WatchEvent::Change(change) => format!("change {}", change.revision),
        WatchEvent::Progress { revision } => format!("progress {revision}"),
    }
}

async fn told(setup: &Setup, options: WatchOptions, count: usize) -> Vec<String> {
    let mut watch = setup.client.pods("").watch(options);
    let mut told = Vec::new();
    for _ in 0..count {
        told.push(short(&watch.next().await.unwrap().unwrap()));
    }
    told
}

#[tokio::test]
async fn a_watch_resumes_from_its_last_position() {
    let setup = Setup::new(Script {
        watches: [
            vec![started(), snapshot("a"), snapshot_done(5), change(6)],
            vec![Err(status(Code::Unavailable, reasons::SERVER_DRAINING))],
            vec![started(), change(7), Err(Status::unknown("broken"))],
        ]
        .into(),
        ..Default::default()
    })
    .await;
    let mut watch = setup.client.pods("").watch(WatchOptions::default());
    let mut events = Vec::new();
    let error = loop {
        match watch.next().await.unwrap() {
            Ok(event) => events.push(short(&event)),
            Err(error) => break error,
        }
    };
    assert_eq!(
        events,
        ["reset Started", "pod a", "done 5", "change 6", "change 7"]
    );
    // An answer nobody can heal by repeating ends it, and it stays ended.
    assert_eq!(error.api().unwrap().code, Code::Unknown);
    assert!(watch.next().await.is_none());
    let script = setup.mock.script.lock().unwrap();
    let starts: Vec<_> = script
        .watched
        .iter()
        .map(|request| request.start.clone().unwrap())
        .collect();
    assert_eq!(starts[1], Start::ResumeToken("t6".to_owned()));
    assert_eq!(starts[2], Start::ResumeToken("t6".to_owned()));
}

#[tokio::test]
async fn an_expired_watch_starts_over_and_says_so() {
    let setup = Setup::new(Script {
        watches: [
            vec![started(), change(6)],
            vec![Err(status(Code::OutOfRange, reasons::REVISION_EXPIRED))],
            vec![started(), snapshot("b"), snapshot_done(90), change(91)],
            vec![Err(status(
                Code::FailedPrecondition,
                reasons::EPOCH_CHANGED,
            ))],
            vec![started(), snapshot_done(2)],
        ]
        .into(),
        ..Default::default()
    })
    .await;
    let options = WatchOptions {
        start: WatchStart::Token("t5".to_owned()),
        ..Default::default()
    };
    let events = told(&setup, options, 7).await;
    assert_eq!(
        events,
        [
            "change 6",
            "reset Expired",
            "pod b",
            "done 90",
            "change 91",
            "reset EpochChanged",
            "done 2"
        ]
    );
}

#[tokio::test]
async fn an_expired_watch_can_end_instead() {
    let setup = Setup::new(Script {
        watches: [vec![Err(status(
            Code::OutOfRange,
            reasons::REVISION_EXPIRED,
        ))]]
        .into(),
        ..Default::default()
    })
    .await;
    let options = WatchOptions {
        start: WatchStart::Token("old".to_owned()),
        fail_when_expired: true,
        ..Default::default()
    };
    let mut watch = setup.client.pods("").watch(options);
    let error = watch.next().await.unwrap().unwrap_err();
    assert_eq!(error.reason(), reasons::REVISION_EXPIRED);
}

#[tokio::test]
async fn an_interrupted_snapshot_begins_anew() {
    let setup = Setup::new(Script {
        watches: [
            vec![started(), snapshot("a")],
            vec![started(), snapshot("a"), snapshot("b"), snapshot_done(3)],
        ]
        .into(),
        ..Default::default()
    })
    .await;
    let events = told(&setup, WatchOptions::default(), 6).await;
    assert_eq!(
        events,
        [
            "reset Started",
            "pod a",
            "reset Started",
            "pod a",
            "pod b",
            "done 3"
        ]
    );
}

fn exec_frame(frame: exec_response::Frame) -> Result<proto::ExecResponse, Status> {
    Ok(proto::ExecResponse { frame: Some(frame) })
}

fn exec_started() -> Result<proto::ExecResponse, Status> {
    exec_frame(exec_response::Frame::Started(proto::ExecStarted::default()))
}

fn output(offset: i64, data: &'static str) -> Result<proto::ExecResponse, Status> {
    exec_frame(exec_response::Frame::Output(proto::ExecOutput {
        stream: proto::OutputStream::Stdout.into(),
        offset,
        data: Bytes::from_static(data.as_bytes()),
    }))
}

fn exited(code: i32) -> Result<proto::ExecResponse, Status> {
    let exit = proto::ExitInfo {
        code,
        ..Default::default()
    };
    exec_frame(exec_response::Frame::Exited(proto::ExecExited {
        exit: Some(exit),
        ..Default::default()
    }))
}

async fn run(
    frames: Vec<Result<proto::ExecResponse, Status>>,
) -> Result<lifepod_client::Finished, Error> {
    let setup = Setup::new(Script {
        execs: [frames].into(),
        ..Default::default()
    })
    .await;
    setup
        .client
        .pods("")
        .run("web", ExecOptions::new(["true"]))
        .await
}

#[tokio::test]
async fn a_command_tells_its_output_and_its_exit() {
    let finished = run(vec![
        exec_started(),
        output(0, "he"),
        output(2, "llo"),
        exited(3),
    ])
    .await
    .unwrap();
    assert_eq!(finished.stdout, b"hello");
    assert_eq!(finished.exit.code, 3);
    assert!(!finished.exit.success());
}

#[tokio::test]
async fn a_stream_without_an_exit_is_never_success() {
    let ended = run(vec![exec_started(), output(0, "done")])
        .await
        .unwrap_err();
    assert!(
        matches!(ended, Error::OutcomeUnknown { source: None }),
        "{ended:?}"
    );
    let broken = run(vec![exec_started(), Err(Status::unavailable("gone"))])
        .await
        .unwrap_err();
    assert!(
        matches!(broken, Error::OutcomeUnknown { source: Some(_) }),
        "{broken:?}"
    );
    let refused = run(vec![Err(status(
        Code::FailedPrecondition,
        reasons::CONTAINER_NOT_RUNNING,
    ))])
    .await
    .unwrap_err();
    assert_eq!(refused.reason(), reasons::CONTAINER_NOT_RUNNING);
}

#[tokio::test]
async fn missing_output_is_an_error() {
    let error = run(vec![
        exec_started(),
        output(0, "he"),
        output(3, "lo"),
        exited(0),
    ])
    .await
    .unwrap_err();
    assert!(matches!(error, Error::Protocol { .. }), "{error:?}");
}

#[tokio::test]
async fn the_exit_is_the_last_thing_told() {
    let setup = Setup::new(Script {
        execs: [vec![exec_started(), output(0, "x"), exited(0)]].into(),
        ..Default::default()
    })
    .await;
    let mut exec = setup
        .client
        .pods("")
        .exec("web", ExecOptions::new(["true"]))
        .await
        .unwrap();
    assert!(matches!(exec.next().await.unwrap(), ExecEvent::Output(_)));
    assert!(matches!(exec.next().await.unwrap(), ExecEvent::Exited(exit) if exit.success()));
    assert!(exec.next().await.is_err());
}

fn logged(data: &'static str, position: &str) -> Result<proto::ReadLogsResponse, Status> {
    Ok(proto::ReadLogsResponse {
        entries: vec![proto::LogEntry {
            data: Bytes::from_static(data.as_bytes()),
            ..Default::default()
        }],
        position: position.to_owned(),
    })
}

#[tokio::test]
async fn a_followed_log_goes_on_where_it_was() {
    let setup = Setup::new(Script {
        logs: [
            vec![logged("one\n", "p1"), Err(Status::unavailable("gone"))],
            vec![logged("two\n", "p2")],
        ]
        .into(),
        ..Default::default()
    })
    .await;
    let options = LogOptions {
        follow: true,
        limit_bytes: Some(100),
        ..Default::default()
    };
    let mut logs = setup.client.pods("").logs("web", options).await.unwrap();
    let mut text = Vec::new();
    while let Some(entries) = logs.next().await.unwrap() {
        text.extend(entries.iter().flat_map(|entry| entry.data.to_vec()));
    }
    assert_eq!(text, b"one\ntwo\n");
    let script = setup.mock.script.lock().unwrap();
    assert_eq!(script.logs_read[1].resume_position, "p1");
    assert_eq!(script.logs_read[1].limit_bytes, Some(96));
}
