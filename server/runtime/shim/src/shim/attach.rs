//! Attached clients.

use std::os::fd::OwnedFd;

use lifepod_shim::protocol::{Attach, ErrorCode, Failure, Reply};
use rustix::event::epoll::EventFlags;

use super::{
    Shim,
    requests::{machine_failed, not_running},
};
use crate::io::{AttachedOutput, Left, Stream};

const MAX_ATTACHED: usize = 32;

impl Shim {
    pub(super) fn attach(&mut self, call: &Attach, fds: Vec<OwnedFd>) -> Result<Reply, Failure> {
        let (key, _) = self.running_container(&call.container)?;
        let mut fds = fds.into_iter();
        if call.stdin {
            let fd = fds.next();
            self.attach_input(key, &call.container, fd)?;
        }
        for (wanted, stream) in [(call.stdout, Stream::Stdout), (call.stderr, Stream::Stderr)] {
            if let Some(fd) = fds.next().filter(|_| wanted) {
                self.attach_output(key, stream, fd)?;
            }
        }
        Ok(Reply::Done)
    }

    fn attach_input(&mut self, key: u32, id: &str, fd: Option<OwnedFd>) -> Result<(), Failure> {
        let attached = self.new_key();
        let Some(container) = self.containers.get_mut(&key) else {
            return Err(not_running(id));
        };
        let (Some(stdin), Some(fd)) = (&mut container.stdin, fd) else {
            return Err(Failure::new(
                ErrorCode::InvalidRequest,
                format!("container `{id}` has no open stdin"),
            ));
        };
        if stdin.is_taken() {
            return Err(Failure::new(
                ErrorCode::AlreadyExists,
                format!("stdin of container `{id}` is in use"),
            ));
        }
        stdin
            .feed_from(&mut self.reactor, attached, fd)
            .map_err(machine_failed)
    }

    fn attach_output(&mut self, key: u32, stream: Stream, fd: OwnedFd) -> Result<(), Failure> {
        let attached = self.new_key();
        let Some(container) = self.containers.get_mut(&key) else {
            return Ok(());
        };
        if container.terminal.is_some() && stream == Stream::Stderr {
            // A terminal has one output. The client sees its descriptor closed.
            return Ok(());
        }
        if container.outputs.attached.len() == MAX_ATTACHED {
            return Err(Failure::new(
                ErrorCode::InvalidRequest,
                "too many attached clients",
            ));
        }
        let attached = AttachedOutput::new(&mut self.reactor, attached, key, stream, fd)
            .map_err(machine_failed)?;
        container.outputs.attached.push(attached);
        Ok(())
    }

    pub(super) fn on_attached_output(&mut self, container: u32, key: u32, flags: EventFlags) {
        let Some(container) = self.containers.get_mut(&container) else {
            return;
        };
        let gone = flags.intersects(EventFlags::ERR | EventFlags::HUP);
        container
            .outputs
            .each_attached(&mut self.reactor, |attached, reactor| {
                attached.key != key || (!gone && attached.flush(reactor))
            });
    }

    pub(super) fn on_stdin(&mut self, key: u32, from_client: bool) {
        let Some(container) = self.containers.get_mut(&key) else {
            return;
        };
        let Some(stdin) = &mut container.stdin else {
            return;
        };
        let left = if from_client {
            stdin.on_input(&mut self.reactor)
        } else {
            stdin.on_writable(&mut self.reactor)
        };
        if left == Left::Closed {
            self.drop_stdin(key);
        }
    }

    pub(super) fn close_stdin(&mut self, id: &str) -> Result<Reply, Failure> {
        let key = self.known_container(id)?;
        self.drop_stdin(key);
        Ok(Reply::Done)
    }

    fn drop_stdin(&mut self, key: u32) {
        let stdin = self
            .containers
            .get_mut(&key)
            .and_then(|container| container.stdin.take());
        if let Some(stdin) = stdin {
            stdin.close(&mut self.reactor);
        }
    }
}
