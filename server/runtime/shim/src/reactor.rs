//! The one place where the shim waits: epoll, with a source per registered descriptor.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::Duration,
};

use rustix::{
    event::{
        Timespec,
        epoll::{self, CreateFlags, Event, EventData, EventFlags},
    },
    io::Errno,
};

/// What a ready descriptor belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Pending signals.
    Signals,
    /// A client wants to connect.
    Listener,
    /// A client's connection.
    Connection(u32),
    /// A forked child has something to tell.
    Job(u32),
    /// Output of a container, by stream number.
    Output(u32, usize),
    /// A container's stdin takes more.
    Stdin(u32),
    /// An attached client's stdin.
    AttachedInput(u32, u32),
    /// An attached client takes more output.
    AttachedOutput(u32, u32),
}

/// A ready descriptor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    pub(crate) source: Source,
    pub(crate) flags: EventFlags,
}

/// Registered sources. A slot's generation tells a late event of a closed descriptor from one of the
/// slot's next owner.
pub(crate) struct Reactor {
    epoll: OwnedFd,
    slots: Vec<Slot>,
}

struct Slot {
    generation: u32,
    source: Option<Source>,
}

const BATCH: usize = 16;

impl Reactor {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            slots: Vec::new(),
        })
    }

    /// Takes a descriptor over and watches it; with empty interest later.
    pub(crate) fn watch(
        &mut self,
        fd: OwnedFd,
        interest: EventFlags,
        source: Source,
    ) -> io::Result<Watched> {
        let slot = match self.slots.iter().position(|slot| slot.source.is_none()) {
            Some(free) => free,
            None => {
                self.slots.push(Slot {
                    generation: 0,
                    source: None,
                });
                self.slots.len() - 1
            }
        };
        self.slots[slot].generation = self.slots[slot].generation.wrapping_add(1);
        self.slots[slot].source = Some(source);
        let mut watched = Watched {
            fd,
            slot,
            interest: EventFlags::empty(),
        };
        match watched.set_interest(self, interest) {
            Ok(()) => Ok(watched),
            Err(error) => {
                self.slots[slot].source = None;
                Err(error)
            }
        }
    }

    /// Waits until something is ready or time is up.
    pub(crate) fn wait(
        &mut self,
        timeout: Option<Duration>,
        ready: &mut Vec<Ready>,
    ) -> io::Result<()> {
        let mut events = [Event {
            flags: EventFlags::empty(),
            data: EventData::new_u64(0),
        }; BATCH];
        // Rounded up: waking a little early would only spin.
        let timeout = timeout.map(|timeout| timeout + Duration::from_micros(999));
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        let count = match epoll::wait(&self.epoll, &mut events[..], timeout.as_ref()) {
            Err(Errno::INTR) => 0,
            count => count?,
        };
        for event in &events[..count] {
            let flags = event.flags;
            if let Some(source) = self.source(event.data.u64()) {
                ready.push(Ready { source, flags });
            }
        }
        Ok(())
    }

    /// Whether an event is still meant for the source it was registered for.
    pub(crate) fn is_current(&self, source: Source) -> bool {
        self.slots.iter().any(|slot| slot.source == Some(source))
    }

    fn source(&self, data: u64) -> Option<Source> {
        let slot = self
            .slots
            .get(usize::try_from(data & u64::from(u32::MAX)).ok()?)?;
        if u64::from(slot.generation) == data >> 32 {
            slot.source
        } else {
            None
        }
    }

    fn data(&self, slot: usize) -> EventData {
        EventData::new_u64(u64::from(self.slots[slot].generation) << 32 | slot as u64)
    }
}

/// A descriptor in the care of the reactor.
#[derive(Debug)]
pub(crate) struct Watched {
    fd: OwnedFd,
    slot: usize,
    interest: EventFlags,
}

impl Watched {
    /// Changes what is waited for. Nothing at all takes it out: a hang-up cannot be masked otherwise and
    /// would keep the loop awake.
    pub(crate) fn set_interest(
        &mut self,
        reactor: &Reactor,
        interest: EventFlags,
    ) -> io::Result<()> {
        let data = reactor.data(self.slot);
        match (self.interest.is_empty(), interest.is_empty()) {
            (true, true) => {}
            (true, false) => epoll::add(&reactor.epoll, &self.fd, data, interest)?,
            (false, true) => epoll::delete(&reactor.epoll, &self.fd)?,
            (false, false) if self.interest == interest => {}
            (false, false) => epoll::modify(&reactor.epoll, &self.fd, data, interest)?,
        }
        self.interest = interest;
        Ok(())
    }

    /// Closes it.
    pub(crate) fn close(mut self, reactor: &mut Reactor) {
        // Explicitly: a forked child may hold a copy, which would keep it registered.
        let _ = self.set_interest(reactor, EventFlags::empty());
        reactor.slots[self.slot].source = None;
    }
}

impl AsFd for Watched {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(reactor: &mut Reactor) -> Vec<Source> {
        let mut ready = Vec::new();
        reactor.wait(Some(Duration::ZERO), &mut ready).unwrap();
        ready.iter().map(|ready| ready.source).collect()
    }

    #[test]
    fn a_hang_up_nobody_wants_to_hear_of_is_silent() {
        let mut reactor = Reactor::new().unwrap();
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let mut watched = reactor
            .watch(reader, EventFlags::IN, Source::Output(1, 0))
            .unwrap();
        drop(writer);
        assert_eq!(ready(&mut reactor), [Source::Output(1, 0)]);
        watched.set_interest(&reactor, EventFlags::empty()).unwrap();
        assert_eq!(ready(&mut reactor), []);
        watched.set_interest(&reactor, EventFlags::IN).unwrap();
        assert_eq!(ready(&mut reactor), [Source::Output(1, 0)]);
        watched.close(&mut reactor);
        assert!(!reactor.is_current(Source::Output(1, 0)));
    }

    #[test]
    fn a_slot_is_used_again_without_mixing_its_owners() {
        let mut reactor = Reactor::new().unwrap();
        let (first, _writer) = rustix::pipe::pipe().unwrap();
        let watched = reactor
            .watch(first, EventFlags::IN, Source::Listener)
            .unwrap();
        let stale = reactor.data(watched.slot).u64();
        watched.close(&mut reactor);
        let (second, _writer) = rustix::pipe::pipe().unwrap();
        let _again = reactor
            .watch(second, EventFlags::IN, Source::Signals)
            .unwrap();
        assert_eq!(reactor.source(stale), None);
        assert_eq!(reactor.slots.len(), 1);
    }
}
