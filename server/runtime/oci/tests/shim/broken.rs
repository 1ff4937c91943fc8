//! Connections that break although the shim lives. The shim is made up.

use std::time::Duration;

use lifepod_oci::shim::{ExecStdio, ShimError, ShimEvent, ShimHandle};
use lifepod_shim::{
    ExitRecord, SandboxDir, UnixNanos,
    frame::{self, FrameBuffer},
    protocol::{
        Call, ContainerState, ContainerStatus, Exec, ExecExit, ExecState, Message, Namespaces,
        PROTOCOL_VERSION, Reply, Request, Response, Started, State, TerminalSize,
    },
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream},
};

use crate::pod::next_exit;

struct FakeShim {
    _temp: TempDir,
    dir: SandboxDir,
    listener: UnixListener,
}

struct Served {
    stream: UnixStream,
    buffer: FrameBuffer,
}

impl FakeShim {
    fn start() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let dir = SandboxDir::new(temp.path());
        Self {
            listener: UnixListener::bind(dir.socket()).unwrap(),
            _temp: temp,
            dir,
        }
    }

    /// Takes one connection and answers its hello.
    async fn accept(&self, state: State) -> Served {
        let (stream, _) = self.listener.accept().await.unwrap();
        let mut served = Served {
            stream,
            buffer: FrameBuffer::default(),
        };
        let hello = served.request().await;
        assert_eq!(
            hello.call,
            Call::Hello {
                version: PROTOCOL_VERSION
            }
        );
        served.answer(hello.id, Reply::State(state)).await;
        served
    }
}

impl Served {
    async fn request(&mut self) -> Request {
        let mut chunk = [0; 4096];
        loop {
            if let Some(frame) = self.buffer.next_frame().unwrap() {
                return serde_json::from_slice(frame).unwrap();
            }
            let count = self.stream.read(&mut chunk).await.unwrap();
            self.buffer.extend(&chunk[..count]);
        }
    }

    async fn answer(&mut self, id: u64, reply: Reply) {
        let message = Message::Response(Response {
            id,
            result: Ok(reply),
        });
        self.stream
            .write_all(&frame::encode(&message).unwrap())
            .await
            .unwrap();
    }
}

fn record(id: &str, exit_code: i32) -> ExitRecord {
    ExitRecord {
        container_id: id.to_owned(),
        pid: 1,
        exit_code,
        signal: None,
        oom_killed: false,
        started_at: UnixNanos(1),
        finished_at: UnixNanos(2),
        log_error: None,
    }
}

fn state(exited: &[ExitRecord], execs: Vec<ExecState>) -> State {
    let container = |record: &ExitRecord| ContainerState {
        id: record.container_id.clone(),
        status: ContainerStatus::Exited(record.clone()),
    };
    State {
        version: PROTOCOL_VERSION,
        sandbox: "fake".to_owned(),
        pid: 1,
        created_at: UnixNanos(0),
        namespaces: Namespaces::default(),
        containers: exited.iter().map(container).collect(),
        execs,
    }
}

#[tokio::test]
async fn a_broken_connection_is_made_again_and_nothing_is_told_twice_or_lost() {
    let fake = FakeShim::start();
    let old = record("old", 1);
    let (connected, first) = tokio::join!(
        ShimHandle::connect(&fake.dir),
        fake.accept(state(std::slice::from_ref(&old), vec![]))
    );
    let (shim, _, mut events) = connected.unwrap();
    drop(first);
    let missed = record("missed", 2);
    let mut second = fake.accept(state(&[missed.clone(), old], vec![])).await;
    assert_eq!(next_exit(&mut events).await, missed);
    let (answer, ()) = tokio::join!(shim.delete("old"), async {
        let request = second.request().await;
        second.answer(request.id, Reply::Done).await;
    });
    answer.unwrap();
    drop(second);
    let after = record("after", 3);
    let _third = fake.accept(state(&[missed, after.clone()], vec![])).await;
    assert_eq!(
        next_exit(&mut events).await,
        after,
        "and `missed` is not told again"
    );
}

#[tokio::test]
async fn requests_under_way_fail_and_execs_are_settled_by_the_next_state() {
    let fake = FakeShim::start();
    let (connected, first) = tokio::join!(
        ShimHandle::connect(&fake.dir),
        fake.accept(state(&[], vec![]))
    );
    let (shim, _, _events) = connected.unwrap();
    let mut first = first;
    let call = Exec {
        id: "e".to_owned(),
        terminal: Some(TerminalSize {
            width: 1,
            height: 1,
        }),
        ..Exec::default()
    };
    let (running, ()) = tokio::join!(shim.exec(call, ExecStdio::Terminal), async {
        let request = first.request().await;
        first
            .answer(
                request.id,
                Reply::Started(Started {
                    pid: 2,
                    started_at: UnixNanos(1),
                }),
            )
            .await;
    });
    let running = running.unwrap();
    let (unanswered, ()) = tokio::join!(shim.delete("c"), async {
        first.request().await;
        drop(first);
    });
    assert!(matches!(unanswered, Err(ShimError::Gone)));
    let exit = ExecExit {
        id: "e".to_owned(),
        container: "c".to_owned(),
        exit_code: 9,
        signal: None,
        finished_at: UnixNanos(2),
    };
    let known = ExecState {
        id: "e".to_owned(),
        container: "c".to_owned(),
        started: None,
        exit: Some(exit),
    };
    let _second = fake.accept(state(&[], vec![known])).await;
    assert_eq!(running.wait().await.unwrap().exit_code, 9);
}

#[tokio::test]
async fn a_shim_is_lost_when_nobody_listens_any_more_and_not_before() {
    let fake = FakeShim::start();
    let (connected, first) = tokio::join!(
        ShimHandle::connect(&fake.dir),
        fake.accept(state(&[], vec![]))
    );
    let (shim, _, mut events) = connected.unwrap();
    drop(first);
    let second = fake.accept(state(&[], vec![])).await;
    let quiet = tokio::time::timeout(Duration::from_millis(50), events.next()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    drop(fake.listener);
    drop(second);
    assert!(matches!(events.next().await, ShimEvent::Lost));
    assert!(matches!(shim.state().await, Err(ShimError::Gone)));
}
