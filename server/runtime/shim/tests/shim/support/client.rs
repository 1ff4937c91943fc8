//! A blocking client.

use std::{
    collections::VecDeque,
    fs::File,
    io::ErrorKind,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    time::Instant,
};

use lifepod_shim::{
    ExitRecord, SandboxDir, fds,
    frame::{self, FrameBuffer},
    protocol::{
        Call, ContainerStatus, Event, Exec, ExecExit, Failure, Message, PROTOCOL_VERSION, Reply,
        Request, Response, Started, State,
    },
};

use super::DEADLINE;

/// One connection that has said hello.
pub(crate) struct Client {
    pub(crate) socket: UnixStream,
    buffer: FrameBuffer,
    fds: VecDeque<OwnedFd>,
    events: VecDeque<Event>,
    responses: Vec<Response>,
    next_id: u64,
    /// What `hello` answered.
    pub(crate) state: State,
}

impl Client {
    pub(crate) fn connect(dir: &SandboxDir) -> Self {
        let socket = connect(dir);
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut client = Self {
            socket,
            buffer: FrameBuffer::default(),
            fds: VecDeque::new(),
            events: VecDeque::new(),
            responses: Vec::new(),
            next_id: 1,
            state: State {
                version: 0,
                sandbox: String::new(),
                pid: 0,
                created_at: lifepod_shim::UnixNanos(0),
                namespaces: lifepod_shim::protocol::Namespaces::default(),
                containers: Vec::new(),
                execs: Vec::new(),
            },
        };
        client.state = client.state_by(Call::Hello {
            version: PROTOCOL_VERSION,
        });
        client
    }

    pub(crate) fn state_by(&mut self, call: Call) -> State {
        match self.call(call) {
            Ok(Reply::State(state)) => state,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn call(&mut self, call: Call) -> Result<Reply, Failure> {
        self.call_with(call, &[])
    }

    pub(crate) fn call_with(
        &mut self,
        call: Call,
        fds: &[BorrowedFd<'_>],
    ) -> Result<Reply, Failure> {
        let id = self.send(call, fds);
        self.wait_response(id)
    }

    pub(crate) fn send(&mut self, call: Call, fds: &[BorrowedFd<'_>]) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let frame = frame::encode(&Request { id, call }).unwrap();
        let mut sent = fds::send(&self.socket, &frame, fds).unwrap();
        while sent < frame.len() {
            sent += fds::send(&self.socket, &frame[sent..], &[]).unwrap();
        }
        id
    }

    pub(crate) fn wait_response(&mut self, id: u64) -> Result<Reply, Failure> {
        loop {
            if let Some(at) = self.responses.iter().position(|response| response.id == id) {
                return self.responses.remove(at).result;
            }
            assert!(self.receive(), "the shim closed the connection");
        }
    }

    pub(crate) fn done(&mut self, call: Call) {
        assert_eq!(self.call(call.clone()), Ok(Reply::Done), "{call:?}");
    }

    pub(crate) fn started(&mut self, call: Call) -> Started {
        match self.call(call) {
            Ok(Reply::Started(started)) => started,
            other => panic!("{other:?}"),
        }
    }

    /// Runs a command in container `c`, without input or output.
    pub(crate) fn exec(&mut self, id: &str, args: &[&str]) -> Started {
        let call = Exec {
            id: id.to_owned(),
            container: "c".to_owned(),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            ..Exec::default()
        };
        let null = File::options()
            .read(true)
            .write(true)
            .open("/dev/null")
            .unwrap();
        let streams = [null.as_fd(), null.as_fd(), null.as_fd()];
        match self.call_with(Call::Exec(call), &streams) {
            Ok(Reply::Started(started)) => started,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn failure(&mut self, call: Call) -> Failure {
        self.call(call).expect_err("this should fail")
    }

    /// The next terminal received.
    pub(crate) fn take_fd(&mut self) -> File {
        File::from(
            self.fds
                .pop_front()
                .expect("a descriptor came with the answer"),
        )
    }

    pub(crate) fn wait_container_exit(&mut self, id: &str) -> ExitRecord {
        self.wait_event(|event| match event {
            Event::ContainerExited(record) if record.container_id == id => Some(record.clone()),
            _ => None,
        })
    }

    pub(crate) fn wait_exec_exit(&mut self, id: &str) -> ExecExit {
        self.wait_event(|event| match event {
            Event::ExecExited(exit) if exit.id == id => Some(exit.clone()),
            _ => None,
        })
    }

    fn wait_event<T>(&mut self, pick: impl Fn(&Event) -> Option<T>) -> T {
        loop {
            if let Some(at) = self.events.iter().position(|event| pick(event).is_some()) {
                return self
                    .events
                    .remove(at)
                    .and_then(|event| pick(&event))
                    .unwrap();
            }
            assert!(self.receive(), "the shim closed the connection");
        }
    }

    /// Reads once. Answers false at the end of the connection.
    pub(crate) fn receive(&mut self) -> bool {
        let (mut bytes, mut fds) = ([0; 16384], Vec::new());
        let count = match fds::receive(&self.socket, &mut bytes, &mut fds) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
            Err(error) => panic!("nothing came from the shim: {error}"),
        };
        self.fds.extend(fds);
        self.buffer.extend(&bytes[..count]);
        while let Some(frame) = self.buffer.next_frame().unwrap() {
            match serde_json::from_slice(frame).unwrap() {
                Message::Response(response) => self.responses.push(response),
                Message::Event(event) => self.events.push_back(event),
            }
        }
        count > 0
    }

    pub(crate) fn status(&mut self, id: &str) -> Option<ContainerStatus> {
        let state = self.state_by(Call::State);
        state
            .containers
            .into_iter()
            .find(|container| container.id == id)
            .map(|container| container.status)
    }
}

/// Connects without a word.
pub(crate) fn connect(dir: &SandboxDir) -> UnixStream {
    let directory = File::open(dir.path()).unwrap();
    let path = format!(
        "/proc/self/fd/{}/{}",
        directory.as_fd().as_raw_fd(),
        SandboxDir::SOCKET
    );
    let until = Instant::now() + DEADLINE;
    loop {
        match UnixStream::connect(&path) {
            Ok(socket) => return socket,
            Err(error) if Instant::now() > until => panic!("cannot connect: {error}"),
            Err(_) => std::thread::sleep(std::time::Duration::from_millis(2)),
        }
    }
}
