//! From a container's pipes or terminal to its log and to attached clients.

use std::{io, os::fd::OwnedFd};

use lifepod_shim::UnixNanos;
use rustix::{event::epoll::EventFlags, io::Errno};

use super::{
    AttachedOutput, LogFile, Stream,
    cri::{Splitter, stamp},
};
use crate::reactor::{Reactor, Source, Watched};

const CHUNK: usize = 16 * 1024;
/// Reads per turn, so that one chatty container does not keep the others waiting.
const READS: usize = 4;

/// Everything that comes out of a container.
#[derive(Debug)]
pub(crate) struct Outputs {
    streams: Vec<Output>,
    pub(crate) log: Option<LogFile>,
    pub(crate) attached: Vec<AttachedOutput>,
}

#[derive(Debug)]
struct Output {
    stream: Stream,
    source: Option<Watched>,
    splitter: Splitter,
}

/// How far pumping got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pumped {
    /// There may be more right now.
    More,
    /// Nothing more for the moment.
    Dry,
    /// The log cannot be written: nothing is read until it can.
    Stuck,
}

impl Outputs {
    pub(crate) fn new(log: Option<LogFile>) -> Self {
        Self {
            streams: Vec::new(),
            log,
            attached: Vec::new(),
        }
    }

    /// Adds a source: a pipe's reading side or a terminal's master.
    pub(crate) fn add(
        &mut self,
        reactor: &mut Reactor,
        container: u32,
        stream: Stream,
        fd: OwnedFd,
    ) -> io::Result<()> {
        crate::sys::set_nonblocking(&fd)?;
        let source = Source::Output(container, self.streams.len());
        self.streams.push(Output {
            stream,
            source: Some(reactor.watch(fd, EventFlags::IN, source)?),
            splitter: Splitter::new(stream),
        });
        Ok(())
    }

    /// Every source has ended and everything is written.
    pub(crate) fn is_finished(&self) -> bool {
        self.streams.iter().all(|output| output.source.is_none()) && !self.is_stuck()
    }

    /// Why the log cannot be written, if it cannot.
    pub(crate) fn log_failure(&self) -> Option<String> {
        self.log.as_ref().and_then(LogFile::failure)
    }

    /// The log cannot be written at the moment.
    pub(crate) fn is_stuck(&self) -> bool {
        self.log.as_ref().is_some_and(|log| !log.is_ready())
    }

    /// Moves what is there from one source.
    pub(crate) fn pump(&mut self, reactor: &mut Reactor, number: usize) -> Pumped {
        for _ in 0..READS {
            if self.is_stuck() {
                self.set_interest(reactor, EventFlags::empty());
                return Pumped::Stuck;
            }
            if !self.pump_once(reactor, number) {
                return Pumped::Dry;
            }
        }
        Pumped::More
    }

    /// Moves everything that is there from all sources.
    pub(crate) fn drain(&mut self, reactor: &mut Reactor) {
        for number in 0..self.streams.len() {
            while self.pump(reactor, number) == Pumped::More {}
        }
    }

    /// Tries the log again after a failure.
    pub(crate) fn retry(&mut self, reactor: &mut Reactor) {
        if let Some(log) = &mut self.log {
            log.retry();
        }
        if !self.is_stuck() {
            self.set_interest(reactor, EventFlags::IN);
        }
    }

    /// Ends every source: nothing more is coming, or nobody waits for it any longer.
    pub(crate) fn close(&mut self, reactor: &mut Reactor) {
        for number in 0..self.streams.len() {
            self.end(reactor, number);
        }
    }

    /// Answers whether there may be more.
    fn pump_once(&mut self, reactor: &mut Reactor, number: usize) -> bool {
        let Some(source) = self
            .streams
            .get(number)
            .and_then(|output| output.source.as_ref())
        else {
            return false;
        };
        let mut buffer = [0; CHUNK];
        match rustix::io::read(source, &mut buffer[..]) {
            Ok(0) => self.end(reactor, number),
            Ok(count) => {
                self.take(reactor, number, &buffer[..count]);
                return true;
            }
            Err(Errno::INTR) => return true,
            Err(Errno::AGAIN) => {}
            // A terminal without a program left on its other side answers EIO.
            Err(_) => self.end(reactor, number),
        }
        false
    }

    fn take(&mut self, reactor: &mut Reactor, number: usize, bytes: &[u8]) {
        let output = &mut self.streams[number];
        if let Some(log) = &mut self.log {
            let mut lines = Vec::with_capacity(bytes.len() + 128);
            output
                .splitter
                .feed(bytes, &stamp(UnixNanos::now()), &mut lines);
            log.append(&lines);
        }
        let stream = output.stream;
        self.each_attached(reactor, |attached, reactor| {
            !attached.wants(stream) || attached.push(reactor, bytes)
        });
    }

    fn end(&mut self, reactor: &mut Reactor, number: usize) {
        let output = &mut self.streams[number];
        let Some(source) = output.source.take() else {
            return;
        };
        source.close(reactor);
        if let Some(log) = &mut self.log {
            let mut lines = Vec::new();
            output.splitter.finish(&stamp(UnixNanos::now()), &mut lines);
            log.append(&lines);
        }
        let stream = output.stream;
        self.each_attached(reactor, |attached, _| {
            !attached.wants(stream) || attached.end()
        });
    }

    /// Keeps the attached clients for which the closure answers true.
    pub(crate) fn each_attached(
        &mut self,
        reactor: &mut Reactor,
        mut keep: impl FnMut(&mut AttachedOutput, &mut Reactor) -> bool,
    ) {
        let mut at = 0;
        while at < self.attached.len() {
            if keep(&mut self.attached[at], reactor) {
                at += 1;
            } else {
                self.attached.swap_remove(at).close(reactor);
            }
        }
    }

    fn set_interest(&mut self, reactor: &Reactor, interest: EventFlags) {
        for source in self
            .streams
            .iter_mut()
            .filter_map(|output| output.source.as_mut())
        {
            // Only a full kernel table can fail here; the source then stays as it was.
            let _ = source.set_interest(reactor, interest);
        }
    }
}
