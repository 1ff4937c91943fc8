//! The socket: frames in and out, and the hello that every connection begins with.

use std::{
    collections::VecDeque,
    fs::File,
    io,
    os::fd::{AsFd as _, AsRawFd as _, OwnedFd},
    time::Duration,
};

use lifepod_shim::{
    SandboxDir, fds,
    frame::{self, FrameBuffer},
    protocol::{Call, Message, PROTOCOL_VERSION, Reply, Request, State},
};
use tokio::{io::Interest, net::UnixStream, time::timeout};

use super::ShimError;

/// How long a shim may take to say hello.
const HELLO: Duration = Duration::from_secs(10);
/// No request of a handle has this id.
const HELLO_ID: u64 = u64::MAX;
const CHUNK: usize = 16 * 1024;

/// A frame to send, with its descriptors.
pub(super) struct Outgoing {
    pub(super) frame: Vec<u8>,
    pub(super) fds: Vec<OwnedFd>,
}

/// A connected socket over which hello was said.
pub(super) struct Connection {
    pub(super) stream: UnixStream,
    pub(super) inbox: Inbox,
}

/// What was received and not yet taken.
pub(super) struct Inbox {
    buffer: FrameBuffer,
    fds: VecDeque<OwnedFd>,
    chunk: Vec<u8>,
}

impl Connection {
    /// Connects and says hello. The answer is everything the shim knows; what happens after it is in
    /// the inbox.
    pub(super) async fn open(dir: &SandboxDir) -> Result<(Self, State), ShimError> {
        let stream = connect(dir)?;
        timeout(HELLO, hello(stream))
            .await
            .map_err(|_| ShimError::TimedOut)?
    }
}

/// The socket's path may be longer than an address allows.
fn connect(dir: &SandboxDir) -> io::Result<UnixStream> {
    let directory = File::open(dir.path())?;
    let path = format!(
        "/proc/self/fd/{}/{}",
        directory.as_raw_fd(),
        SandboxDir::SOCKET
    );
    let stream = std::os::unix::net::UnixStream::connect(path)?;
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}

async fn hello(stream: UnixStream) -> Result<(Connection, State), ShimError> {
    let call = Call::Hello {
        version: PROTOCOL_VERSION,
    };
    let frame = frame::encode(&Request { id: HELLO_ID, call }).map_err(io::Error::other)?;
    send(
        &stream,
        &Outgoing {
            frame,
            fds: Vec::new(),
        },
    )
    .await?;
    let mut inbox = Inbox {
        buffer: FrameBuffer::default(),
        fds: VecDeque::new(),
        chunk: vec![0; CHUNK],
    };
    match inbox.next(&stream).await? {
        Some(Message::Response(answer)) => match answer.result? {
            Reply::State(state) => Ok((Connection { stream, inbox }, state)),
            _ => Err(ShimError::Protocol),
        },
        // Nobody is told of events before it has said hello.
        Some(Message::Event(_)) => Err(ShimError::Protocol),
        None => Err(ShimError::Gone),
    }
}

impl Inbox {
    /// The next message; none at the end of the connection.
    pub(super) async fn next(&mut self, stream: &UnixStream) -> io::Result<Option<Message>> {
        loop {
            if let Some(frame) = self.buffer.next_frame().map_err(io::Error::other)? {
                return Ok(Some(serde_json::from_slice(frame)?));
            }
            stream.readable().await?;
            let mut fresh = Vec::new();
            match stream.try_io(Interest::READABLE, || {
                fds::receive(stream, &mut self.chunk, &mut fresh)
            }) {
                Ok(0) => return Ok(None),
                Ok(count) => self.buffer.extend(&self.chunk[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            self.fds.extend(fresh);
        }
    }

    /// The descriptor that came with the latest message.
    pub(super) fn take_fd(&mut self) -> Option<OwnedFd> {
        self.fds.pop_front()
    }
}

/// Sends one frame, its descriptors with the first byte.
pub(super) async fn send(stream: &UnixStream, outgoing: &Outgoing) -> io::Result<()> {
    let mut sent = 0;
    while sent < outgoing.frame.len() {
        stream.writable().await?;
        let borrowed: Vec<_> = outgoing.fds.iter().map(|fd| fd.as_fd()).collect();
        let with = if sent == 0 { borrowed.as_slice() } else { &[] };
        match stream.try_io(Interest::WRITABLE, || {
            fds::send(stream, &outgoing.frame[sent..], with)
        }) {
            Ok(count) => sent += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
