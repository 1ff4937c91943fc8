//! Bytes between the file descriptors of a process and its session.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use rustix::{fs::OFlags, io::Errno};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::unix::pipe::{Receiver, Sender},
    sync::{mpsc, watch},
    time::sleep,
};

use super::session::Session;

/// Largest chunk of output, and of what is read at once.
pub(super) const CHUNK: usize = 32 << 10;
/// How long output may stay silent after the process has gone: a grandchild that inherited
/// the pipe may hold it open for ever.
const DRAIN_IDLE: Duration = Duration::from_secs(1);
/// What a terminal reads as end of input.
const END_OF_TRANSMISSION: &[u8] = &[4];

fn nonblocking(fd: &OwnedFd) -> io::Result<()> {
    let flags = rustix::fs::fcntl_getfl(fd.as_fd())?;
    Ok(rustix::fs::fcntl_setfl(
        fd.as_fd(),
        flags | OFlags::NONBLOCK,
    )?)
}

/// The reading side of a pipe, a socket or a terminal. Unchecked because the name of the type
/// says pipe; all it does is read.
pub(super) fn receiver(fd: OwnedFd) -> io::Result<Receiver> {
    nonblocking(&fd)?;
    Receiver::from_owned_fd_unchecked(fd)
}

/// The writing side, as [`receiver`].
pub(super) fn sender(fd: OwnedFd) -> io::Result<Sender> {
    nonblocking(&fd)?;
    Sender::from_owned_fd_unchecked(fd)
}

/// Reads one stream to its end, or until it has been silent after the process has gone.
pub(super) async fn read(mut from: Receiver, session: Arc<Session>, stream: usize) {
    let mut changes = session.changes();
    let mut buffer = vec![0; CHUNK];
    loop {
        wait_for_room(&session, stream, &mut changes).await;
        let read = tokio::select! {
            biased;
            read = from.read(&mut buffer) => read,
            () = no_more(&session) => Ok(0),
        };
        match read {
            Ok(0) => break,
            Ok(count) => session.push(stream, &buffer[..count]),
            // The last process has closed the other end of the terminal.
            Err(error) if error.raw_os_error() == Some(Errno::IO.raw_os_error()) => break,
            Err(error) => {
                tracing::debug!(%error, "output of a command cannot be read");
                break;
            }
        }
    }
    session.end_stream(stream);
}

async fn wait_for_room(session: &Session, stream: usize, changes: &mut watch::Receiver<()>) {
    while !session.has_room(stream) && !session.is_closed() {
        // The session lives as long as its pump: the channel cannot close.
        if changes.changed().await.is_err() {
            return;
        }
    }
}

/// Completes when the process is let go of, or has gone and stayed silent.
async fn no_more(session: &Session) {
    let mut changes = session.changes();
    while !session.is_over() && !session.is_closed() {
        if changes.changed().await.is_err() {
            return;
        }
    }
    if !session.is_closed() {
        sleep(DRAIN_IDLE).await;
    }
}

/// Writes the queued input until there is no more, then closes it.
pub(super) async fn write(mut to: Sender, mut queue: mpsc::Receiver<Bytes>, tty: bool) {
    while let Some(bytes) = queue.recv().await {
        if let Err(error) = to.write_all(&bytes).await {
            // The process has closed its input, or gone; nobody needs the rest.
            tracing::debug!(%error, "input of a command is not wanted");
            return;
        }
    }
    if tty {
        // Closing our side of a terminal tells its readers nothing.
        if let Err(error) = to.write_all(END_OF_TRANSMISSION).await {
            tracing::debug!(%error, "the terminal is gone");
        }
    }
}
