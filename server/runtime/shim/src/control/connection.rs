//! One client.

use std::{
    collections::VecDeque,
    io,
    os::fd::{AsFd, OwnedFd},
};

use lifepod_shim::{
    fds,
    frame::{self, FrameBuffer},
    protocol::{Message, Request},
};
use rustix::event::epoll::EventFlags;

use crate::reactor::{Reactor, Source, Watched};

const CHUNK: usize = 16 * 1024;
/// A client that does not read its answers is cut off here. It loses nothing: when it comes back, the
/// state tells what the events would have told.
const MAX_QUEUED: usize = 4 << 20;
/// More descriptors than any two requests need.
const MAX_WAITING_FDS: usize = 2 * fds::MAX_FDS;

/// A connected client.
pub(crate) struct Connection {
    socket: Watched,
    input: FrameBuffer,
    /// Received and not yet claimed by a request.
    fds: VecDeque<OwnedFd>,
    output: VecDeque<Outgoing>,
    queued: usize,
    /// Has said hello and gets events.
    pub(crate) subscribed: bool,
    broken: bool,
}

struct Outgoing {
    bytes: Vec<u8>,
    sent: usize,
    fd: Option<OwnedFd>,
}

/// A request with the descriptors that belong to it.
pub(crate) struct Incoming {
    pub(crate) request: Request,
    pub(crate) fds: Vec<OwnedFd>,
}

impl Connection {
    pub(crate) fn new(reactor: &mut Reactor, key: u32, socket: OwnedFd) -> io::Result<Self> {
        Ok(Self {
            socket: reactor.watch(socket, EventFlags::IN, Source::Connection(key))?,
            input: FrameBuffer::default(),
            fds: VecDeque::new(),
            output: VecDeque::new(),
            queued: 0,
            subscribed: false,
            broken: false,
        })
    }

    /// Gone, hostile or hopelessly slow.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Everything sent.
    pub(crate) fn is_flushed(&self) -> bool {
        self.output.is_empty()
    }

    /// Reads once and answers the requests that are complete. Anything that is not a request breaks the
    /// connection, and only it.
    pub(crate) fn receive(&mut self) -> Vec<Incoming> {
        let (mut buffer, mut fds) = ([0; CHUNK], Vec::new());
        match fds::receive(&self.socket, &mut buffer, &mut fds) {
            Ok(0) => self.broken = true,
            Ok(count) => {
                self.input.extend(&buffer[..count]);
                self.fds.extend(fds);
            }
            Err(error) if is_transient(&error) => {}
            Err(_) => self.broken = true,
        }
        let mut requests = Vec::new();
        while let Some(incoming) = self.next_request() {
            requests.push(incoming);
        }
        self.broken |= self.fds.len() > MAX_WAITING_FDS;
        requests
    }

    fn next_request(&mut self) -> Option<Incoming> {
        let parsed = match self.input.next_frame() {
            Ok(Some(frame)) => serde_json::from_slice::<Request>(frame),
            Ok(None) => return None,
            Err(_) => {
                self.broken = true;
                return None;
            }
        };
        match parsed {
            Ok(request) if self.fds.len() >= request.call.descriptors() => {
                let fds = self.fds.drain(..request.call.descriptors()).collect();
                Some(Incoming { request, fds })
            }
            _ => {
                self.broken = true;
                None
            }
        }
    }

    /// Queues a message and sends what goes at once.
    pub(crate) fn send(&mut self, reactor: &Reactor, message: &Message, fd: Option<OwnedFd>) {
        let Ok(bytes) = frame::encode(message) else {
            // Only a state of thousands of containers is that long.
            self.broken = true;
            return;
        };
        self.queued += bytes.len();
        self.output.push_back(Outgoing { bytes, sent: 0, fd });
        self.broken |= self.queued > MAX_QUEUED;
        self.flush(reactor);
    }

    /// Sends what goes.
    pub(crate) fn flush(&mut self, reactor: &Reactor) {
        while let Some(next) = self.output.front_mut() {
            let carried: Vec<_> = next.fd.iter().map(AsFd::as_fd).collect();
            match fds::send(&self.socket, &next.bytes[next.sent..], &carried) {
                Ok(count) => {
                    next.fd = None;
                    next.sent += count;
                    self.queued -= count;
                    if next.sent == next.bytes.len() {
                        self.output.pop_front();
                    }
                }
                Err(error) if is_transient(&error) => break,
                Err(_) => {
                    self.broken = true;
                    return;
                }
            }
        }
        let out = if self.output.is_empty() {
            EventFlags::empty()
        } else {
            EventFlags::OUT
        };
        self.broken |= self
            .socket
            .set_interest(reactor, EventFlags::IN | out)
            .is_err();
    }

    pub(crate) fn close(self, reactor: &mut Reactor) {
        self.socket.close(reactor);
    }
}

fn is_transient(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}
