//! The shim's state and its loop.
//!
//! Single-threaded: every method runs to its end before the next event. Nothing in here waits except
//! for disk writes (logs, exit records) and cgroup files.

mod attach;
mod container;
mod create;
mod delete;
mod endings;
mod exec;
mod guard;
mod jobs;
mod reap;
mod requests;
mod shutdown;

use std::{
    collections::BTreeMap,
    io,
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use lifepod_shim::{
    SandboxConfig, SandboxDir, UnixNanos,
    cgroup::{Cgroup, Layout},
    protocol::{Event, Failure, Message, Namespaces, PROTOCOL_VERSION, Reply, Response, State},
};
use rustix::{event::epoll::EventFlags, process::getpid};

use crate::{
    control::{Connection, Listener, ReplyTo},
    limits,
    note::note,
    reactor::{Reactor, Ready, Source, Watched},
    sys::SignalQueue,
};
use container::Container;
use exec::ExecProcess;
use guard::Guard;
use shutdown::Shutdown;

/// A pod has a handful; the bound is against a runaway client.
const MAX_CONTAINERS: usize = 512;
const MAX_CONNECTIONS: usize = 32;

/// Everything.
pub(crate) struct Shim {
    dir: SandboxDir,
    config: SandboxConfig,
    layout: Layout,
    pod_cgroup: Cgroup,
    namespaces: Namespaces,
    created_at: UnixNanos,
    reactor: Reactor,
    signals: SignalQueue,
    _signals_watch: Watched,
    listener: Listener,
    connections: BTreeMap<u32, Connection>,
    containers: BTreeMap<u32, Container>,
    execs: BTreeMap<u32, ExecProcess>,
    shutdown: Option<Shutdown>,
    next_key: u32,
}

impl Shim {
    /// Opens everything a running shim needs. From here on clients can connect.
    pub(crate) fn open(
        dir: SandboxDir,
        config: SandboxConfig,
        namespaces: Namespaces,
    ) -> io::Result<Self> {
        let mut reactor = Reactor::new()?;
        let signals = SignalQueue::open()?;
        let watch = reactor.watch(duplicate(&signals)?, EventFlags::IN, Source::Signals)?;
        let listener = Listener::bind(&mut reactor, &dir)?;
        Ok(Self {
            layout: Layout::detect()?,
            pod_cgroup: Cgroup::new(&config.cgroup_parent)?,
            dir,
            config,
            namespaces,
            created_at: UnixNanos::now(),
            reactor,
            signals,
            _signals_watch: watch,
            listener,
            connections: BTreeMap::new(),
            containers: BTreeMap::new(),
            execs: BTreeMap::new(),
            shutdown: None,
            next_key: 1,
        })
    }

    /// Serves until a client asks for the shutdown.
    pub(crate) fn run(&mut self) -> io::Result<()> {
        // Not needed before the first container, which tries again and tells if it cannot be.
        if let Err(error) = limits::create_tree(&self.layout, &self.pod_cgroup) {
            note(format_args!("cannot make the pod's cgroup yet: {error}"));
        }
        let (mut ready, mut guard) = (Vec::new(), Guard::default());
        while !self.is_finished() {
            let timeout = self
                .deadline()
                .map(|at| at.saturating_duration_since(Instant::now()));
            self.reactor.wait(timeout, &mut ready)?;
            guard.survive(|| self.turn(&mut ready))?;
            ready.clear();
        }
        Ok(())
    }

    fn turn(&mut self, ready: &mut Vec<Ready>) {
        for Ready { source, flags } in ready.drain(..) {
            // An earlier event of the batch may have closed it.
            if self.reactor.is_current(source) {
                self.dispatch(source, flags);
            }
        }
        self.do_what_is_due(Instant::now());
        self.drop_broken_connections();
    }

    fn dispatch(&mut self, source: Source, flags: EventFlags) {
        match source {
            Source::Signals => self.on_signals(),
            Source::Listener => self.on_client(),
            Source::Connection(key) => self.on_connection(key, flags),
            Source::Job(key) => self.on_job(key),
            Source::Output(container, number) => self.on_output(container, number),
            Source::Stdin(container) => self.on_stdin(container, false),
            Source::AttachedInput(container, _) => self.on_stdin(container, true),
            Source::AttachedOutput(container, key) => {
                self.on_attached_output(container, key, flags);
            }
        }
    }

    fn on_signals(&mut self) {
        while let Some(signal) = self.signals.next() {
            if signal != libc::SIGCHLD {
                note(format_args!(
                    "ignored signal {signal}: only a shutdown request ends the shim"
                ));
            }
        }
        self.reap();
    }

    fn on_client(&mut self) {
        while let Some(socket) = self.listener.accept() {
            if self.connections.len() == MAX_CONNECTIONS {
                note("refused a connection: too many");
                continue;
            }
            let key = self.new_key();
            match Connection::new(&mut self.reactor, key, socket) {
                Ok(connection) => drop(self.connections.insert(key, connection)),
                Err(error) => note(format_args!("lost a connection: {error}")),
            }
        }
    }

    fn on_connection(&mut self, key: u32, flags: EventFlags) {
        let Some(connection) = self.connections.get_mut(&key) else {
            return;
        };
        if flags.contains(EventFlags::OUT) {
            connection.flush(&self.reactor);
        }
        if flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
            for incoming in connection.receive() {
                self.on_request(key, incoming);
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let containers = self.containers.values().filter_map(Container::deadline);
        containers
            .chain(self.shutdown.as_ref().map(|shutdown| shutdown.next_at))
            .min()
    }

    fn do_what_is_due(&mut self, now: Instant) {
        let keys: Vec<u32> = self.containers.keys().copied().collect();
        for key in keys {
            self.tend_output(key, now);
            self.tend_ending(key, now);
            self.tend_deletion(key, now);
        }
        self.tend_shutdown(now);
    }

    fn drop_broken_connections(&mut self) {
        let broken = |connection: &mut Connection| connection.is_broken();
        let gone: Vec<_> = self
            .connections
            .extract_if(.., |_, connection| broken(connection))
            .collect();
        for (_, connection) in gone {
            connection.close(&mut self.reactor);
        }
    }

    /// Keys are never used twice, so an answer cannot reach the wrong client.
    fn new_key(&mut self) -> u32 {
        let key = self.next_key;
        self.next_key += 1;
        key
    }

    fn answer(&mut self, to: ReplyTo, result: Result<Reply, Failure>, fd: Option<OwnedFd>) {
        // A client that is gone asks again after it has seen the state.
        if let Some(connection) = self.connections.get_mut(&to.connection) {
            let response = Response {
                id: to.request,
                result,
            };
            connection.send(&self.reactor, &Message::Response(response), fd);
        }
    }

    /// Tells everybody who listens. False if nobody does.
    fn announce(&mut self, event: &Event) -> bool {
        let mut told = false;
        for connection in self
            .connections
            .values_mut()
            .filter(|connection| connection.subscribed)
        {
            connection.send(&self.reactor, &Message::Event(event.clone()), None);
            told |= !connection.is_broken();
        }
        told
    }

    fn state(&self) -> State {
        let mut containers: Vec<_> = self.containers.values().map(Container::state).collect();
        containers.sort_by(|a, b| a.id.cmp(&b.id));
        State {
            version: PROTOCOL_VERSION,
            sandbox: self.config.id.clone(),
            pid: getpid().as_raw_nonzero().get(),
            created_at: self.created_at,
            namespaces: self.namespaces.clone(),
            containers,
            execs: self.execs.values().map(ExecProcess::state).collect(),
        }
    }

    fn container_key(&self, id: &str) -> Option<u32> {
        self.containers
            .iter()
            .find(|(_, container)| container.id == id)
            .map(|(key, _)| *key)
    }
}

/// How soon something that failed is tried again.
const RETRY: Duration = Duration::from_millis(500);

fn duplicate(fd: impl std::os::fd::AsFd) -> io::Result<OwnedFd> {
    Ok(rustix::io::fcntl_dupfd_cloexec(fd, 3)?)
}
