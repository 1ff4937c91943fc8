use lifepod_shim::{
    SandboxDir, UnixNanos,
    frame::{self, FrameBuffer},
    protocol::{
        ContainerState, Message, Namespaces, PROTOCOL_VERSION, Reply, Request, Response, State,
    },
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream},
};

use super::*;

fn state(containers: &[(&str, ContainerStatus)]) -> State {
    let container = |(id, status): &(&str, ContainerStatus)| ContainerState {
        id: (*id).to_owned(),
        status: status.clone(),
    };
    State {
        version: PROTOCOL_VERSION,
        sandbox: "made-up".to_owned(),
        pid: 1,
        created_at: UnixNanos(0),
        namespaces: Namespaces::default(),
        containers: containers.iter().map(container).collect(),
        execs: Vec::new(),
    }
}

async fn request(stream: &mut UnixStream) -> u64 {
    let (mut buffer, mut chunk) = (FrameBuffer::default(), [0; 4096]);
    loop {
        if let Some(frame) = buffer.next_frame().unwrap() {
            return serde_json::from_slice::<Request>(frame).unwrap().id;
        }
        let count = stream.read(&mut chunk).await.unwrap();
        buffer.extend(&chunk[..count]);
    }
}

async fn answer(stream: &mut UnixStream, state: State) {
    let message = Message::Response(Response {
        id: request(stream).await,
        result: Ok(Reply::State(state)),
    });
    let frame = frame::encode(&message).unwrap();
    stream.write_all(&frame).await.unwrap();
}

/// Looks for `c` while a shim says this of its containers, and then hangs up.
async fn look_at(said: Vec<State>) -> Result<Option<Instance>, ShimError> {
    let temp = tempfile::tempdir().unwrap();
    let dir = SandboxDir::new(temp.path());
    let listener = UnixListener::bind(dir.socket()).unwrap();
    let shim = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        answer(&mut stream, state(&[])).await;
        for state in said {
            answer(&mut stream, state).await;
        }
        request(&mut stream).await;
    };
    let asked = async {
        let (shim, _, _events) = ShimHandle::connect(&dir).await.unwrap();
        look(&shim, "c").await
    };
    tokio::select! {
        found = asked => found,
        // It is over once the look is.
        found = async { shim.await; std::future::pending().await } => found,
    }
}

const RUNS: ContainerStatus = ContainerStatus::Running(Started {
    pid: 7,
    started_at: UnixNanos(1),
});

#[tokio::test]
async fn an_instance_that_is_being_made_is_waited_for() {
    let said = [ContainerStatus::Creating, RUNS].map(|status| state(&[("c", status)]));
    let found = look_at(said.into()).await.unwrap();
    assert!(matches!(
        found,
        Some(Instance::Runs(Started { pid: 7, .. }))
    ));
}

#[tokio::test]
async fn only_a_shim_that_answers_proves_that_there_is_none() {
    let found = look_at(vec![state(&[("other", RUNS)])]).await.unwrap();
    assert!(found.is_none(), "{found:?}");
    let unanswered = look_at(Vec::new()).await;
    assert!(unanswered.is_err(), "{unanswered:?}");
}
