//! A client that watches a container's output live.

use std::{collections::VecDeque, io, os::fd::OwnedFd};

use rustix::{event::epoll::EventFlags, io::Errno};

use super::Stream;
use crate::reactor::{Reactor, Source, Watched};

/// A client this far behind is let go: the container must not wait for it, and leaving pieces out would
/// be a lie.
const MAX_BEHIND: usize = 256 * 1024;

/// Where one stream is copied to.
#[derive(Debug)]
pub(crate) struct AttachedOutput {
    pub(crate) key: u32,
    stream: Stream,
    target: Watched,
    behind: VecDeque<u8>,
    ending: bool,
}

impl AttachedOutput {
    pub(crate) fn new(
        reactor: &mut Reactor,
        key: u32,
        container: u32,
        stream: Stream,
        fd: OwnedFd,
    ) -> io::Result<Self> {
        crate::sys::set_nonblocking(&fd)?;
        Ok(Self {
            key,
            stream,
            target: reactor.watch(fd, EventFlags::ERR, Source::AttachedOutput(container, key))?,
            behind: VecDeque::new(),
            ending: false,
        })
    }

    pub(crate) fn wants(&self, stream: Stream) -> bool {
        self.stream == stream
    }

    /// Passes output on. Answers false when the client is gone or too slow.
    pub(crate) fn push(&mut self, reactor: &Reactor, bytes: &[u8]) -> bool {
        if self.behind.len() + bytes.len() > MAX_BEHIND {
            return false;
        }
        self.behind.extend(bytes);
        self.flush(reactor)
    }

    /// Writes what fits. Answers false when there is nobody or nothing more to write to.
    pub(crate) fn flush(&mut self, reactor: &Reactor) -> bool {
        while !self.behind.is_empty() {
            match rustix::io::write(&self.target, self.behind.as_slices().0) {
                Ok(count) => drop(self.behind.drain(..count)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    return self.target.set_interest(reactor, EventFlags::OUT).is_ok();
                }
                Err(_) => return false,
            }
        }
        self.behind = VecDeque::new();
        !self.ending && self.target.set_interest(reactor, EventFlags::ERR).is_ok()
    }

    /// The output has ended. Answers whether something still waits to be written.
    pub(crate) fn end(&mut self) -> bool {
        self.ending = true;
        !self.behind.is_empty()
    }

    pub(crate) fn close(self, reactor: &mut Reactor) {
        self.target.close(reactor);
    }
}
