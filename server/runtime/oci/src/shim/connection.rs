//! The socket: one task reads, one writes.

use std::{
    collections::{HashMap, VecDeque},
    fs::File,
    io,
    os::fd::{AsFd as _, AsRawFd as _, OwnedFd},
    sync::Arc,
};

use lifepod_shim::{
    ExitRecord, SandboxDir, fds,
    frame::FrameBuffer,
    protocol::{Event, ExecExit, Failure, Message, Reply, Response},
};
use parking_lot::Mutex;
use tokio::{
    io::Interest,
    net::UnixStream,
    sync::{mpsc, oneshot},
};
use tokio_util::sync::CancellationToken;

/// A frame to send, with its descriptors.
pub(super) struct Outgoing {
    pub(super) frame: Vec<u8>,
    pub(super) fds: Vec<OwnedFd>,
}

/// An answer, with the descriptor that came with it.
pub(super) type Answer = (Result<Reply, Failure>, Option<OwnedFd>);

/// Who waits for what. Emptied when the connection ends, which tells the waiters.
#[derive(Default)]
pub(super) struct Waiters {
    answers: Mutex<HashMap<u64, (oneshot::Sender<Answer>, bool)>>,
    execs: Mutex<HashMap<String, oneshot::Sender<ExecExit>>>,
}

impl Waiters {
    /// Waits for the answer to a request; `with_fd` if a descriptor comes with a good one.
    pub(super) fn expect(&self, id: u64, with_fd: bool) -> oneshot::Receiver<Answer> {
        let (sender, receiver) = oneshot::channel();
        self.answers.lock().insert(id, (sender, with_fd));
        receiver
    }

    pub(super) fn expect_exit(&self, exec: &str) -> oneshot::Receiver<ExecExit> {
        let (sender, receiver) = oneshot::channel();
        self.execs.lock().insert(exec.to_owned(), sender);
        receiver
    }

    pub(super) fn forget_exit(&self, exec: &str) {
        self.execs.lock().remove(exec);
    }

    fn abandon_all(&self) {
        self.answers.lock().clear();
        self.execs.lock().clear();
    }
}

/// Connects to the socket of a sandbox, whose path may be longer than an address allows.
pub(super) fn connect(dir: &SandboxDir) -> io::Result<UnixStream> {
    let directory = File::open(dir.path())?;
    let path = format!("/proc/self/fd/{}/{}", directory.as_raw_fd(), SandboxDir::SOCKET);
    let stream = std::os::unix::net::UnixStream::connect(path)?;
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}

/// Sends frames until the connection or its owner ends.
pub(super) async fn write(
    stream: Arc<UnixStream>,
    mut outbox: mpsc::Receiver<Outgoing>,
    ended: CancellationToken,
) {
    loop {
        let next = tokio::select! {
            biased;
            () = ended.cancelled() => return,
            next = outbox.recv() => next,
        };
        let Some(outgoing) = next else { return };
        if let Err(error) = send(&stream, &outgoing).await {
            tracing::debug!(%error, "cannot send to a shim");
            ended.cancel();
            return;
        }
    }
}

async fn send(stream: &UnixStream, outgoing: &Outgoing) -> io::Result<()> {
    let mut sent = 0;
    while sent < outgoing.frame.len() {
        stream.writable().await?;
        let borrowed: Vec<_> = outgoing.fds.iter().map(|fd| fd.as_fd()).collect();
        let with = if sent == 0 { borrowed.as_slice() } else { &[] };
        match stream.try_io(Interest::WRITABLE, || fds::send(stream, &outgoing.frame[sent..], with)) {
            Ok(n) => sent += n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Receives until the connection or its owner ends, then tells everyone who waits.
pub(super) async fn read(
    stream: Arc<UnixStream>,
    waiters: Arc<Waiters>,
    events: mpsc::Sender<ExitRecord>,
    ended: CancellationToken,
) {
    let received = tokio::select! {
        biased;
        () = ended.cancelled() => Ok(()),
        received = receive(&stream, &waiters, &events) => received,
    };
    if let Err(error) = received {
        tracing::debug!(%error, "the connection to a shim ended");
    }
    ended.cancel();
    waiters.abandon_all();
}

async fn receive(
    stream: &UnixStream,
    waiters: &Waiters,
    events: &mpsc::Sender<ExitRecord>,
) -> io::Result<()> {
    let (mut buffer, mut descriptors) = (FrameBuffer::default(), VecDeque::new());
    let mut chunk = vec![0; 16 * 1024];
    loop {
        stream.readable().await?;
        let mut fresh = Vec::new();
        let n = match stream.try_io(Interest::READABLE, || fds::receive(stream, &mut chunk, &mut fresh)) {
            Ok(0) => return Ok(()),
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        };
        descriptors.extend(fresh);
        buffer.extend(&chunk[..n]);
        while let Some(frame) = buffer.next_frame().map_err(io::Error::other)? {
            match serde_json::from_slice(frame)? {
                Message::Response(response) => answer(waiters, response, &mut descriptors),
                Message::Event(Event::ContainerExited(record)) => {
                    if events.send(record).await.is_err() {
                        return Ok(());
                    }
                }
                Message::Event(Event::ExecExited(exit)) => {
                    if let Some(waiter) = waiters.execs.lock().remove(&exit.id) {
                        // Whoever ran it may have gone.
                        let _ = waiter.send(exit);
                    }
                }
            }
        }
    }
}

fn answer(waiters: &Waiters, response: Response, descriptors: &mut VecDeque<OwnedFd>) {
    let Some((waiter, with_fd)) = waiters.answers.lock().remove(&response.id) else { return };
    let fd = if with_fd && response.result.is_ok() { descriptors.pop_front() } else { None };
    // Whoever asked may have gone.
    let _ = waiter.send((response.result, fd));
}
