//! A forked child at work, and what it tells.

use std::{io, os::fd::OwnedFd};

use rustix::event::epoll::EventFlags;

use crate::{
    reactor::{Reactor, Source, Watched},
    runtime::{Received, receive},
};

/// A child that makes a container or starts an exec.
pub(crate) struct Job {
    /// Process id of the child itself, while it is not reaped.
    pub(crate) pid: Option<i32>,
    report: Watched,
}

impl Job {
    /// Watches the report socket, then forks: a child without a watcher would never be noticed.
    pub(crate) fn start(
        reactor: &mut Reactor,
        key: u32,
        report: OwnedFd,
        fork: impl FnOnce() -> io::Result<i32>,
    ) -> io::Result<Self> {
        let report = reactor.watch(report, EventFlags::IN, Source::Job(key))?;
        match fork() {
            Ok(pid) => Ok(Self {
                pid: Some(pid),
                report,
            }),
            Err(error) => {
                report.close(reactor);
                Err(error)
            }
        }
    }

    /// The next thing told.
    pub(crate) fn receive(&self) -> Received {
        receive(&self.report)
    }

    pub(crate) fn close(self, reactor: &mut Reactor) {
        self.report.close(reactor);
    }
}
