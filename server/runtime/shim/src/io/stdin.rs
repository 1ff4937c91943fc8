//! A container's stdin and the attached client that feeds it.

use std::{io, os::fd::OwnedFd};

use rustix::{event::epoll::EventFlags, io::Errno};

use crate::reactor::{Reactor, Source, Watched};

const CHUNK: usize = 16 * 1024;

/// Open as long as somebody may still attach. Without a reader in the container's way nothing is read
/// from the client, so nothing piles up.
#[derive(Debug)]
pub(crate) struct Stdin {
    container: u32,
    target: Watched,
    /// A terminal stays open: closing one of its ends would not end the other's input.
    is_terminal: bool,
    /// The first client's end is the end.
    once: bool,
    feeder: Option<Feeder>,
}

#[derive(Debug)]
struct Feeder {
    source: Watched,
    waiting: Vec<u8>,
    ended: bool,
}

/// What is left of stdin after something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    Open,
    Closed,
}

impl Stdin {
    pub(crate) fn new(
        reactor: &mut Reactor,
        container: u32,
        fd: OwnedFd,
        is_terminal: bool,
        once: bool,
    ) -> io::Result<Self> {
        crate::sys::set_nonblocking(&fd)?;
        Ok(Self {
            container,
            target: reactor.watch(fd, EventFlags::empty(), Source::Stdin(container))?,
            is_terminal,
            once,
            feeder: None,
        })
    }

    /// A client is feeding it already.
    pub(crate) fn is_taken(&self) -> bool {
        self.feeder.is_some()
    }

    /// Starts feeding from a client.
    pub(crate) fn feed_from(
        &mut self,
        reactor: &mut Reactor,
        key: u32,
        fd: OwnedFd,
    ) -> io::Result<()> {
        crate::sys::set_nonblocking(&fd)?;
        let source = reactor.watch(
            fd,
            EventFlags::IN,
            Source::AttachedInput(self.container, key),
        )?;
        self.feeder = Some(Feeder {
            source,
            waiting: Vec::new(),
            ended: false,
        });
        Ok(())
    }

    /// The client has sent something, or gone.
    pub(crate) fn on_input(&mut self, reactor: &mut Reactor) -> Left {
        let Some(feeder) = &mut self.feeder else {
            return Left::Open;
        };
        let mut buffer = [0; CHUNK];
        match rustix::io::read(&feeder.source, &mut buffer[..]) {
            Ok(0) => feeder.ended = true,
            Ok(count) => feeder.waiting.extend_from_slice(&buffer[..count]),
            Err(Errno::AGAIN | Errno::INTR) => return Left::Open,
            Err(_) => feeder.ended = true,
        }
        self.on_writable(reactor)
    }

    /// The container takes more, or may.
    pub(crate) fn on_writable(&mut self, reactor: &mut Reactor) -> Left {
        let Some(feeder) = &mut self.feeder else {
            return Left::Open;
        };
        while !feeder.waiting.is_empty() {
            match rustix::io::write(&self.target, &feeder.waiting) {
                Ok(count) => drop(feeder.waiting.drain(..count)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return self.wait_for_room(reactor),
                // Nobody will ever read it.
                Err(_) => return Left::Closed,
            }
        }
        if feeder.ended {
            self.feeder_ended(reactor)
        } else {
            self.take_more(reactor)
        }
    }

    pub(crate) fn close(self, reactor: &mut Reactor) {
        if let Some(feeder) = self.feeder {
            feeder.source.close(reactor);
        }
        self.target.close(reactor);
    }

    fn wait_for_room(&mut self, reactor: &Reactor) -> Left {
        self.set_interests(reactor, EventFlags::OUT, EventFlags::empty())
    }

    fn take_more(&mut self, reactor: &Reactor) -> Left {
        self.set_interests(reactor, EventFlags::empty(), EventFlags::IN)
    }

    fn set_interests(&mut self, reactor: &Reactor, target: EventFlags, source: EventFlags) -> Left {
        let feeder = self
            .feeder
            .as_mut()
            .map(|feeder| feeder.source.set_interest(reactor, source));
        match (self.target.set_interest(reactor, target), feeder) {
            (Ok(()), None | Some(Ok(()))) => Left::Open,
            _ => Left::Closed,
        }
    }

    fn feeder_ended(&mut self, reactor: &mut Reactor) -> Left {
        if let Some(feeder) = self.feeder.take() {
            feeder.source.close(reactor);
        }
        // Failure leaves a wake-up or two.
        let _ = self.target.set_interest(reactor, EventFlags::empty());
        if self.once && !self.is_terminal {
            Left::Closed
        } else {
            Left::Open
        }
    }
}
