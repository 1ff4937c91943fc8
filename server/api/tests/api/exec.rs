//! The Exec service, with real processes behind it.

use std::{sync::atomic::Ordering, time::Duration};

use lifepod_proto::v1 as proto;
use proto::{OutputStream, exec_request::Frame as Sent, exec_response::Frame};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

use crate::support::{Server, container, failure, metadata, pod, soon};

fn target(name: &str) -> Option<proto::ContainerReference> {
    Some(proto::ContainerReference {
        pod: name.to_owned(),
        ..proto::ContainerReference::default()
    })
}

fn shell(script: &str) -> proto::ExecStart {
    proto::ExecStart {
        target: target("web"),
        command: ["sh", "-c", script].map(str::to_owned).to_vec(),
        ..proto::ExecStart::default()
    }
}

struct Exec {
    input: mpsc::Sender<proto::ExecRequest>,
    output: Streaming<proto::ExecResponse>,
}

#[derive(Debug, Default)]
struct Finished {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    exited: proto::ExecExited,
}

impl Exec {
    async fn open(server: &Server, first: Sent) -> Result<Self, Status> {
        let (input, frames) = mpsc::channel(8);
        input
            .send(proto::ExecRequest { frame: Some(first) })
            .await
            .expect("room");
        let answer = soon(server.execs().exec(ReceiverStream::new(frames))).await?;
        Ok(Self {
            input,
            output: answer.into_inner(),
        })
    }

    async fn start(server: &Server, start: proto::ExecStart) -> Self {
        Self::open(server, Sent::Start(start))
            .await
            .expect("starts")
    }

    async fn send(&self, frame: Sent) {
        let request = proto::ExecRequest { frame: Some(frame) };
        soon(self.input.send(request)).await.expect("sent");
    }

    async fn next(&mut self) -> Result<Option<Frame>, Status> {
        let message = soon(self.output.message()).await?;
        Ok(message.map(|response| response.frame.expect("always set")))
    }

    async fn started(&mut self) -> proto::ExecStarted {
        match self.next().await {
            Ok(Some(Frame::Started(started))) => started,
            other => panic!("{other:?}"),
        }
    }

    /// Output until it contains a text.
    async fn until(&mut self, text: &str) -> String {
        let mut seen = String::new();
        while !seen.contains(text) {
            match self.next().await {
                Ok(Some(Frame::Output(output))) => {
                    seen.push_str(std::str::from_utf8(&output.data).expect("text"));
                }
                Ok(Some(Frame::Started(_))) => {}
                other => panic!("{other:?} after {seen:?}"),
            }
        }
        seen
    }

    /// Everything up to the end, with offsets checked.
    async fn finish(mut self) -> Finished {
        let mut finished = Finished::default();
        loop {
            match self
                .next()
                .await
                .expect("no error")
                .expect("no end before `exited`")
            {
                Frame::Started(_) => {}
                Frame::Output(output) => {
                    let seen = match output.stream() {
                        OutputStream::Stdout => &mut finished.stdout,
                        _ => &mut finished.stderr,
                    };
                    assert_eq!(output.offset, seen.len() as i64, "no gap");
                    assert!(output.data.len() <= 32 << 10);
                    seen.extend_from_slice(&output.data);
                }
                Frame::Exited(exited) => {
                    finished.exited = exited;
                    assert!(
                        self.next().await.expect("no error").is_none(),
                        "the last frame"
                    );
                    return finished;
                }
            }
        }
    }
}

fn code(finished: &Finished) -> i32 {
    finished.exited.exit.expect("always set").code
}

#[tokio::test]
async fn a_command_tells_its_output_on_both_streams_then_its_exit() {
    let server = Server::start().await;
    server.running("web").await;
    let mut exec = Exec::start(&server, shell("echo out; echo err >&2; exit 7")).await;
    let started = exec.started().await;
    assert_eq!((started.container.as_str(), started.tty), ("c", false));
    assert_eq!(started.exec_id.len(), 36);
    let finished = exec.finish().await;
    assert_eq!(finished.stdout, b"out\n");
    assert_eq!(finished.stderr, b"err\n");
    assert_eq!(
        (code(&finished), finished.exited.reason.as_str()),
        (7, "Error")
    );
    let fine = Exec::start(&server, shell("true")).await.finish().await;
    assert_eq!((code(&fine), fine.exited.reason.as_str()), (0, "Completed"));
}

#[tokio::test]
async fn much_output_comes_whole_and_in_chunks() {
    let server = Server::start().await;
    server.running("web").await;
    let script = "i=0; while [ $i -lt 40000 ]; do echo 0123456789012345678901234567890123456789; i=$((i+1)); done";
    let finished = Exec::start(&server, shell(script)).await.finish().await;
    assert_eq!(finished.stdout.len(), 40_000 * 41);
}

#[tokio::test]
async fn input_reaches_the_command_and_its_end_is_told() {
    let server = Server::start().await;
    server.running("web").await;
    let mut start = shell("cat");
    start.stdin = true;
    let exec = Exec::start(&server, start.clone()).await;
    exec.send(Sent::Stdin("hello ".into())).await;
    exec.send(Sent::Stdin("world".into())).await;
    exec.send(Sent::StdinClose(proto::ExecStdinClose {})).await;
    assert_eq!(exec.finish().await.stdout, b"hello world");

    let mut exec = Exec::start(&server, start).await;
    exec.started().await;
    exec.send(Sent::Stdin("bye".into())).await;
    exec.until("bye").await;
    let (closed, _) = mpsc::channel(1);
    exec.input = closed;
    let ended = exec.finish_after(3).await;
    assert_eq!(ended, 0, "half-closing is the end of input");
}

impl Exec {
    /// The exit code, when output up to that offset was seen.
    async fn finish_after(mut self, seen: i64) -> i32 {
        loop {
            match self
                .next()
                .await
                .expect("no error")
                .expect("`exited` first")
            {
                Frame::Exited(exited) => return exited.exit.expect("set").code,
                Frame::Output(output) => assert!(output.offset >= seen),
                Frame::Started(_) => {}
            }
        }
    }
}

#[tokio::test]
async fn a_terminal_is_one_stream_that_can_be_resized() {
    let server = Server::start().await;
    server.running("web").await;
    let mut start = shell("stty size; read line; stty size");
    start.tty = true;
    start.stdin = true;
    start.terminal_size = Some(proto::TerminalSize {
        columns: 100,
        rows: 30,
    });
    let mut exec = Exec::start(&server, start).await;
    assert!(exec.started().await.tty);
    exec.until("30 100").await;
    exec.send(Sent::Resize(proto::TerminalSize {
        columns: 132,
        rows: 50,
    }))
    .await;
    exec.send(Sent::Stdin("\n".into())).await;
    exec.until("50 132").await;
    loop {
        if let Frame::Exited(exited) = exec.next().await.unwrap().expect("`exited` first") {
            assert_eq!(exited.exit.unwrap().code, 0);
            break;
        }
    }
}

#[tokio::test]
async fn signals_and_timeouts_end_a_command() {
    let server = Server::start().await;
    server.running("web").await;
    let mut exec = Exec::start(&server, shell("echo up; exec sleep 100")).await;
    exec.until("up").await;
    exec.send(Sent::Signal(proto::ExecSignal { signal: 15 }))
        .await;
    let code = exec.finish_after(3).await;
    assert_eq!(code, 143);

    let mut start = shell("exec sleep 100");
    start.timeout = Some(prost_types::Duration {
        seconds: 0,
        nanos: 50_000_000,
    });
    let finished = Exec::start(&server, start).await.finish().await;
    assert_eq!(finished.exited.reason, "Timeout");
    assert_eq!(finished.exited.exit.unwrap().signal, 9);
}

#[tokio::test]
async fn a_grandchild_that_holds_the_pipe_does_not_hold_the_answer() {
    let server = Server::start().await;
    server.running("web").await;
    let finished = Exec::start(&server, shell("sleep 15 & echo done"))
        .await
        .finish()
        .await;
    assert_eq!(
        (finished.stdout.as_slice(), code(&finished)),
        (&b"done\n"[..], 0)
    );
}

#[tokio::test]
async fn a_command_is_stopped_when_its_client_disappears() {
    let server = Server::start().await;
    server.running("web").await;
    let file = server.dir.path().join("ended");
    let script = format!(
        "trap 'echo term > {}; exit' TERM; echo up; while :; do sleep 0.05; done",
        file.display()
    );
    let mut exec = Exec::start(&server, shell(&script)).await;
    exec.until("up").await;
    drop(exec);
    crate::support::eventually("it was told to stop", async || file.exists()).await;
}

#[tokio::test]
async fn a_kept_command_goes_on_and_can_be_come_back_to() {
    let server = Server::start().await;
    server.running("web").await;
    let id = "0190d5a0-0000-7000-8000-0000000000ee";
    let go = server.dir.path().join("go");
    let script = format!(
        "echo one; while [ ! -e {} ]; do sleep 0.02; done; echo two",
        go.display()
    );
    let mut start = shell(&script);
    start.exec_id = id.to_owned();
    start.disconnect_policy = proto::ExecDisconnectPolicy::Keep.into();
    let mut exec = Exec::start(&server, start.clone()).await;
    assert_eq!(exec.started().await.exec_id, id);
    exec.until("one").await;
    drop(exec);

    // A repeated start runs nothing anew and begins with what was written.
    let mut repeated = Exec::start(&server, start.clone()).await;
    repeated.until("one").await;
    drop(repeated);
    std::fs::write(&go, "").unwrap();
    let attach = proto::ExecAttach {
        exec_id: id.to_owned(),
        stdout_offset: Some(4),
        ..proto::ExecAttach::default()
    };
    let mut attached = Exec::open(&server, Sent::Attach(attach)).await.unwrap();
    assert_eq!(attached.started().await.exec_id, id);
    assert_eq!(
        attached.until("two").await,
        "two\n",
        "what was seen is not sent again"
    );
    assert_eq!(attached.finish_after(4).await, 0);

    start.command = vec!["true".to_owned()];
    let (code, reason, _) = failure(Exec::open(&server, Sent::Start(start)).await.map(|_| ()));
    assert_eq!(
        (code, reason.as_str()),
        (Code::AlreadyExists, "REQUEST_ID_REUSED")
    );
}

#[tokio::test]
async fn a_command_that_cannot_run_has_an_outcome_too() {
    let server = Server::start().await;
    server.running("web").await;
    let mut start = shell("");
    start.command = vec!["/no/such/program".to_owned()];
    let finished = Exec::start(&server, start).await.finish().await;
    assert_eq!(
        (code(&finished), finished.exited.reason.as_str()),
        (127, "StartError")
    );
    assert!(finished.exited.message.contains("No such file"));
}

#[tokio::test]
async fn the_container_is_the_named_the_annotated_or_the_first() {
    let server = Server::start().await;
    let mut two = pod("web");
    two.spec.as_mut().unwrap().containers.push(container("d"));
    server.create(two.clone()).await;
    server.phase("web", "Running").await;
    let mut exec = Exec::start(&server, shell("true")).await;
    assert_eq!(exec.started().await.container, "c");

    let annotation = (
        "kubectl.kubernetes.io/default-container".to_owned(),
        "d".to_owned(),
    );
    let meta = two.metadata.as_mut().unwrap();
    meta.name = "noted".to_owned();
    meta.annotations.extend([annotation]);
    server.create(two).await;
    server.phase("noted", "Running").await;
    let mut start = shell("true");
    start.target = target("noted");
    let mut exec = Exec::start(&server, start).await;
    assert_eq!(exec.started().await.container, "d");
}

#[tokio::test]
async fn what_does_not_run_is_refused_with_the_state() {
    let server = Server::start().await;
    let open = async |start: proto::ExecStart| {
        let opened = Exec::open(&server, Sent::Start(start)).await;
        failure(opened.map(|_| ()))
    };
    let (code, reason, _) = open(shell("true")).await;
    assert_eq!((code, reason.as_str()), (Code::NotFound, "POD_NOT_FOUND"));

    server.runtime.stuck.store(true, Ordering::SeqCst);
    server.create(pod("web")).await;
    let (code, reason, details) = open(shell("true")).await;
    assert_eq!(
        (code, reason.as_str()),
        (Code::FailedPrecondition, "CONTAINER_NOT_RUNNING")
    );
    assert_eq!(metadata(&details, "state"), "waiting");

    let mut unknown = shell("true");
    unknown.target.as_mut().unwrap().container = "x".to_owned();
    assert_eq!(open(unknown).await.1, "CONTAINER_NOT_FOUND");
    let mut foreign = shell("true");
    foreign.target.as_mut().unwrap().uid = "another".to_owned();
    assert_eq!(open(foreign).await.1, "UID_MISMATCH");
    let mut refused = shell("true");
    refused.command.clear();
    refused.env.insert("A".to_owned(), "b".to_owned());
    let (_, _, details) = open(refused).await;
    let violations = &details.bad_request().unwrap().field_violations;
    let fields: Vec<_> = violations.iter().map(|v| v.field.as_str()).collect();
    assert_eq!(fields, ["start.command", "start.env"]);

    server.runtime.stuck.store(false, Ordering::SeqCst);
    let uid = server.running("done").await;
    server.runtime.exit(&uid, "c", 0).await;
    server.phase("done", "Succeeded").await;
    let mut done = shell("true");
    done.target = target("done");
    let opened = Exec::open(&server, Sent::Start(done)).await.map(|_| ());
    assert_eq!(
        opened.as_ref().unwrap_err().message(),
        "cannot exec into a container in a completed pod; current phase is Succeeded"
    );
    assert_eq!(failure(opened).1, "POD_NOT_RUNNING");
}

#[tokio::test]
async fn frames_out_of_order_are_refused() {
    let server = Server::start().await;
    server.running("web").await;
    let first = Exec::open(&server, Sent::Stdin("x".into()))
        .await
        .map(|_| ());
    assert_eq!(failure(first).1, "FRAME_INVALID");
    let mut exec = Exec::start(&server, shell("exec sleep 100")).await;
    exec.started().await;
    exec.send(Sent::Start(shell("true"))).await;
    let (code, reason, _) = failure(exec.next().await);
    assert_eq!(
        (code, reason.as_str()),
        (Code::InvalidArgument, "FRAME_INVALID")
    );
    let unknown = proto::ExecAttach {
        exec_id: "nope".to_owned(),
        ..proto::ExecAttach::default()
    };
    let attached = Exec::open(&server, Sent::Attach(unknown)).await.map(|_| ());
    assert_eq!(failure(attached).1, "EXEC_NOT_FOUND");
}

#[tokio::test]
async fn commands_do_not_hold_up_the_end_of_the_server() {
    let server = Server::start().await;
    server.running("web").await;
    let mut exec = Exec::start(&server, shell("echo up; exec sleep 100")).await;
    exec.until("up").await;
    // Whom nobody can stop goes with the test's directory.
    let script = format!(
        "trap '' TERM HUP; echo up; while [ -e {} ]; do sleep 0.05; done & sleep 3",
        server.dir.path().display()
    );
    let mut kept = shell(&script);
    kept.disconnect_policy = proto::ExecDisconnectPolicy::Keep.into();
    let mut kept = Exec::start(&server, kept).await;
    kept.until("up").await;
    let begun = std::time::Instant::now();
    server.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(failure(exec.next().await).1, "SERVER_DRAINING");
    assert_eq!(failure(kept.next().await).1, "SERVER_DRAINING");
}
