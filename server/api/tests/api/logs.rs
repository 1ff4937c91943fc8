//! The Log service.

use std::{fs::OpenOptions, io::Write, path::PathBuf, sync::atomic::Ordering};

use lifepod_lifecycle::id::PodUid;
use lifepod_proto::v1 as proto;
use tonic::{Code, Status, Streaming};

use crate::support::{Server, container, failure, metadata, pod, soon};

fn read(name: &str) -> proto::ReadLogsRequest {
    proto::ReadLogsRequest {
        target: Some(proto::ContainerReference {
            pod: name.to_owned(),
            ..proto::ContainerReference::default()
        }),
        ..proto::ReadLogsRequest::default()
    }
}

fn write(path: &PathBuf, text: &str) {
    std::fs::create_dir_all(path.parent().expect("a directory")).expect("made");
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .expect("written");
}

fn path(server: &Server, uid: &PodUid, attempt: u32) -> PathBuf {
    server.runtime.log_path(uid.as_str(), "c", attempt)
}

fn line(second: u32, text: &str) -> String {
    format!("2026-11-22T10:00:{second:02}.5Z stdout F {text}\n")
}

async fn open(
    server: &Server,
    request: proto::ReadLogsRequest,
) -> Result<Streaming<proto::ReadLogsResponse>, Status> {
    soon(server.logs().read_logs(request))
        .await
        .map(tonic::Response::into_inner)
}

/// All of a log, as `kubectl logs` prints it.
async fn text(server: &Server, request: proto::ReadLogsRequest) -> String {
    let mut stream = open(server, request).await.expect("opens");
    let mut out = Vec::new();
    while let Some(message) = soon(stream.message()).await.expect("no error") {
        for entry in message.entries {
            out.extend_from_slice(&entry.data);
        }
    }
    String::from_utf8(out).expect("text")
}

async fn next_text(stream: &mut Streaming<proto::ReadLogsResponse>) -> (String, String) {
    let message = soon(stream.message())
        .await
        .expect("it is there")
        .expect("more");
    let bytes: Vec<u8> = message
        .entries
        .iter()
        .flat_map(|e| e.data.to_vec())
        .collect();
    (
        String::from_utf8(bytes).expect("it is there"),
        message.position,
    )
}

#[tokio::test]
async fn options_choose_the_lines() {
    let server = Server::start().await;
    let uid = server.running("web").await;
    let log: String = ["one", "two", "three"]
        .iter()
        .zip(1..)
        .map(|(t, s)| line(s, t))
        .collect();
    write(&path(&server, &uid, 0), &log);
    assert_eq!(text(&server, read("web")).await, "one\ntwo\nthree\n");
    let request = |edit: fn(&mut proto::ReadLogsRequest)| {
        let mut request = read("web");
        edit(&mut request);
        request
    };
    type Edit = fn(&mut proto::ReadLogsRequest);
    let cases: Vec<(Edit, &str)> = vec![
        (|r| r.tail_lines = Some(1), "three\n"),
        (|r| r.tail_lines = Some(0), ""),
        (|r| r.limit_bytes = Some(6), "one\ntw"),
        (
            |r| {
                r.timestamps = true;
                r.tail_lines = Some(1);
            },
            "2026-11-22T10:00:03.500000000Z three\n",
        ),
        (
            |r| {
                r.since_time = Some(prost_types::Timestamp {
                    seconds: 1_795_341_602,
                    nanos: 0,
                });
            },
            "two\nthree\n",
        ),
        (|r| r.since_seconds = Some(1), ""),
        (|r| r.stream = proto::OutputStream::Stderr.into(), ""),
    ];
    for (edit, expected) in cases {
        assert_eq!(text(&server, request(edit)).await, expected);
    }
}

#[tokio::test]
async fn following_tells_what_is_written_until_the_container_ended() {
    let server = Server::start().await;
    let uid = server.running("web").await;
    let file = path(&server, &uid, 0);
    write(&file, &line(1, "one"));
    let mut request = read("web");
    request.follow = true;
    let mut stream = open(&server, request.clone()).await.unwrap();
    assert_eq!(next_text(&mut stream).await.0, "one\n");
    // Half a line is no line yet.
    let two = line(2, "two");
    write(&file, &two[..20]);
    write(&file, &two[20..]);
    assert_eq!(next_text(&mut stream).await.0, "two\n");
    write(&file, &line(3, "last words"));
    server.runtime.exit(&uid, "c", 0).await;
    assert_eq!(next_text(&mut stream).await.0, "last words\n");
    assert!(
        soon(stream.message()).await.unwrap().is_none(),
        "ended and drained"
    );
    // What has ended already ends at once.
    assert_eq!(text(&server, request).await, "one\ntwo\nlast words\n");
}

#[tokio::test]
async fn following_begins_before_the_first_line_and_survives_a_rotation() {
    let server = Server::start().await;
    let uid = server.running("web").await;
    let file = path(&server, &uid, 0);
    let mut request = read("web");
    request.follow = true;
    let mut stream = open(&server, request).await.unwrap();
    write(&file, &line(1, "one"));
    assert_eq!(next_text(&mut stream).await.0, "one\n");
    std::fs::rename(&file, file.with_extension("log.20261122-100000")).unwrap();
    write(&file, &line(2, "two"));
    assert_eq!(next_text(&mut stream).await.0, "two\n");
    server.runtime.exit(&uid, "c", 0).await;
    assert!(soon(stream.message()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_position_resumes_right_after_what_was_seen() {
    let server = Server::start().await;
    let uid = server.running("web").await;
    let file = path(&server, &uid, 0);
    write(&file, &line(1, "one"));
    let mut stream = open(&server, read("web")).await.unwrap();
    let (_, position) = next_text(&mut stream).await;
    write(&file, &line(2, "two"));
    let mut request = read("web");
    request.resume_position = position;
    request.tail_lines = Some(0);
    assert_eq!(text(&server, request.clone()).await, "two\n");
    request.resume_position = "x".to_owned();
    let (code, reason, _) = failure(open(&server, request).await);
    assert_eq!(
        (code, reason.as_str()),
        (Code::InvalidArgument, "TOKEN_INVALID")
    );
}

#[tokio::test]
async fn previous_is_the_instance_before() {
    let server = Server::start().await;
    let mut restarting = pod("web");
    restarting.spec.as_mut().unwrap().restart_policy = proto::RestartPolicy::Always.into();
    server.create(restarting).await;
    let uid = server.phase("web", "Running").await;
    let mut previous = read("web");
    previous.previous = true;
    let refused = open(&server, previous.clone()).await;
    let message = refused.as_ref().unwrap_err().message().to_owned();
    assert_eq!(
        message,
        "previous terminated container \"c\" in pod \"web\" not found"
    );
    let (code, reason, _) = failure(refused);
    assert_eq!(
        (code, reason.as_str()),
        (Code::FailedPrecondition, "LOG_NOT_FOUND")
    );

    write(&path(&server, &uid, 0), &line(1, "first life"));
    write(&path(&server, &uid, 1), &line(2, "second life"));
    server.runtime.exit(&uid, "c", 1).await;
    crate::support::eventually("restarted", async || {
        let key = lifepod_lifecycle::id::PodKey::new("default", "web");
        let pod = server.handle.get(&key).unwrap();
        pod.state().containers[0]
            .live()
            .is_some_and(|i| i.attempt == 1)
    })
    .await;
    assert_eq!(text(&server, previous).await, "first life\n");
    assert_eq!(text(&server, read("web")).await, "second life\n");
}

#[tokio::test]
async fn refusals_have_the_kubelets_words() {
    let server = Server::start().await;
    server.runtime.stuck.store(true, Ordering::SeqCst);
    let mut two = pod("two");
    two.spec.as_mut().unwrap().containers.push(container("d"));
    two.spec
        .as_mut()
        .unwrap()
        .init_containers
        .push(container("i"));
    server.create(two).await;
    server.create(pod("new")).await;
    let mut named = read("two");
    named.target.as_mut().unwrap().container = "x".to_owned();
    let mut bad = read("new");
    bad.tail_lines = Some(-1);
    for (request, code, reason, words) in [
        (
            read("none"),
            Code::NotFound,
            "POD_NOT_FOUND",
            "pods \"none\" not found",
        ),
        (
            read("two"),
            Code::InvalidArgument,
            "CONTAINER_REQUIRED",
            "a container name must be specified for pod two, choose one of: [i c d]",
        ),
        (
            named,
            Code::NotFound,
            "CONTAINER_NOT_FOUND",
            "container x is not valid for pod two",
        ),
        (
            read("new"),
            Code::FailedPrecondition,
            "CONTAINER_WAITING",
            "container \"c\" in pod \"new\" is waiting to start: ContainerCreating",
        ),
        (
            bad,
            Code::InvalidArgument,
            "VALIDATION_FAILED",
            "ReadLogsRequest is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0",
        ),
    ] {
        let refused = open(&server, request).await;
        assert_eq!(refused.as_ref().unwrap_err().message(), words);
        let (told_code, told_reason, details) = failure(refused);
        assert_eq!((told_code, told_reason.as_str()), (code, reason));
        if reason == "CONTAINER_REQUIRED" {
            assert_eq!(metadata(&details, "containers"), "i,c,d");
        }
    }
}
