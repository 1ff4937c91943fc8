//! Where clients come in.

use std::{
    fs, io,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::net::UnixListener,
    },
};

use lifepod_shim::SandboxDir;
use rustix::{
    event::epoll::EventFlags,
    fs::Mode,
    net::{SocketFlags, accept_with},
    process::umask,
};

use crate::reactor::{Reactor, Source, Watched};

/// The bound socket.
pub(crate) struct Listener {
    socket: Watched,
}

impl Listener {
    /// Binds it. A socket left behind by an earlier shim is replaced: the lock says that none is alive.
    pub(crate) fn bind(reactor: &mut Reactor, dir: &SandboxDir) -> io::Result<Self> {
        match fs::remove_file(dir.socket()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let directory = fs::File::open(dir.path())?;
        let short = format!(
            "/proc/self/fd/{}/{}",
            directory.as_raw_fd(),
            SandboxDir::SOCKET
        );
        // Mode 0600 from its first moment on.
        let before = umask(Mode::from_raw_mode(0o177));
        let listener = UnixListener::bind(short);
        umask(before);
        let listener = listener?;
        listener.set_nonblocking(true)?;
        Ok(Self {
            socket: reactor.watch(listener.into(), EventFlags::IN, Source::Listener)?,
        })
    }

    /// The next waiting client.
    pub(crate) fn accept(&self) -> Option<OwnedFd> {
        // A client that left again, or a moment without free descriptors: it will try again.
        accept_with(&self.socket, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK).ok()
    }
}
