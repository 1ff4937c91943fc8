//! Requests to one shim.

use std::{
    os::fd::OwnedFd,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use lifepod_shim::{
    SandboxConfig, SandboxDir, frame,
    protocol::{Attach, Call, CreateContainer, Exec, Reply, Request, Started, State, TerminalSize},
};
use tokio::{sync::mpsc, time::timeout};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use super::{
    ExecHandle, ExecStdio, ShimError, ShimEvents,
    connection::{Connection, Outgoing},
    session::Session,
    spawn,
    waiters::{Answer, Waiters},
};

const SIGKILL: i32 = 9;
/// Requests that may wait to be sent.
const OUTBOX: usize = 64;
/// Exits that may wait to be taken.
const EVENTS: usize = 64;

/// How long a shim may take for what needs no runtime.
const ANSWER: Duration = Duration::from_secs(10);
/// How long starting a process may take: the kubelet's limit for requests to a runtime.
const START: Duration = Duration::from_secs(120);

/// How long a shim may take for a request. An end takes as long as the kernel takes; whoever asks
/// for one has a limit of its own.
const fn limit(call: &Call) -> Option<Duration> {
    match call {
        Call::Shutdown => None,
        Call::Create(_) | Call::Exec(_) => Some(START),
        _ => Some(ANSWER),
    }
}

/// A connection to one shim; cheap to clone. The connection ends with its last clone, the shim
/// does not.
#[derive(Clone)]
pub struct ShimHandle {
    shared: Arc<Shared>,
}

struct Shared {
    outbox: mpsc::Sender<Outgoing>,
    waiters: Arc<Waiters>,
    next: AtomicU64,
    _tasks: TaskTracker,
    _end: DropGuard,
}

impl ShimHandle {
    /// Starts the shim of a sandbox and connects to it.
    ///
    /// # Errors
    /// [`ShimError::Start`] in the shim's own words.
    pub async fn spawn(
        program: &Path,
        dir: &SandboxDir,
        config: &SandboxConfig,
    ) -> Result<(Self, State, ShimEvents), ShimError> {
        spawn::start(program, dir, config).await?;
        Self::connect(dir).await
    }

    /// Connects to the shim that runs in a sandbox directory.
    ///
    /// # Errors
    /// If there is none, or it does not answer.
    pub async fn connect(dir: &SandboxDir) -> Result<(Self, State, ShimEvents), ShimError> {
        let (connection, state) = Connection::open(dir).await?;
        let (outbox, queue) = mpsc::channel(OUTBOX);
        let (events, receiver) = mpsc::channel(EVENTS);
        let (waiters, ended) = (Arc::<Waiters>::default(), CancellationToken::new());
        let session = Session::new(
            dir.clone(),
            queue,
            Arc::clone(&waiters),
            events,
            ended.clone(),
            &state,
        );
        let tasks = TaskTracker::new();
        tasks.spawn(session.run(connection));
        tasks.close();
        let shared = Shared {
            outbox,
            waiters,
            next: AtomicU64::new(0),
            _tasks: tasks,
            _end: ended.drop_guard(),
        };
        Ok((
            Self {
                shared: Arc::new(shared),
            },
            state,
            ShimEvents(receiver),
        ))
    }

    /// Everything the shim knows.
    ///
    /// # Errors
    /// [`ShimError`].
    pub async fn state(&self) -> Result<State, ShimError> {
        match self.call(Call::State).await? {
            Reply::State(state) => Ok(state),
            _ => Err(ShimError::Protocol),
        }
    }

    /// Creates and starts a container on a root file system that is mounted nowhere yet.
    ///
    /// # Errors
    /// [`ShimError::Refused`] with the runtime's words.
    pub async fn create_on(
        &self,
        rootfs: OwnedFd,
        container: CreateContainer,
    ) -> Result<Started, ShimError> {
        let container = CreateContainer {
            rootfs: true,
            ..container
        };
        let (reply, _) = self
            .ask(Call::Create(container), vec![rootfs], false)
            .await?;
        match reply {
            Reply::Started(started) => Ok(started),
            _ => Err(ShimError::Protocol),
        }
    }

    /// Signals a container's first process, or `all` of its processes.
    ///
    /// # Errors
    /// [`ShimError`].
    pub async fn signal(&self, container: &str, signal: i32, all: bool) -> Result<(), ShimError> {
        self.done(Call::Signal {
            container: container.to_owned(),
            signal,
            all,
        })
        .await
    }

    /// Removes what is left of a container; an unknown one is gone already.
    ///
    /// # Errors
    /// [`ShimError`].
    pub async fn delete(&self, container: &str) -> Result<(), ShimError> {
        self.done(Call::Delete {
            container: container.to_owned(),
        })
        .await
    }

    /// Resizes the terminal of a container.
    ///
    /// # Errors
    /// [`ShimError`].
    pub async fn resize(&self, container: &str, size: TerminalSize) -> Result<(), ShimError> {
        self.done(Call::Resize {
            container: container.to_owned(),
            size,
        })
        .await
    }

    /// Joins live streams to a container: the descriptors asked for, in the order stdin, stdout, stderr.
    ///
    /// # Errors
    /// [`ShimError`].
    pub async fn attach(&self, attach: Attach, fds: Vec<OwnedFd>) -> Result<(), ShimError> {
        match self.ask(Call::Attach(attach), fds, false).await? {
            (Reply::Done, _) => Ok(()),
            _ => Err(ShimError::Protocol),
        }
    }

    /// Closes a container's stdin for good.
    ///
    /// # Errors
    /// [`ShimError`].
    pub async fn close_stdin(&self, container: &str) -> Result<(), ShimError> {
        self.done(Call::CloseStdin {
            container: container.to_owned(),
        })
        .await
    }

    /// Opens a container's log file anew after it was renamed.
    ///
    /// # Errors
    /// [`ShimError`].
    pub async fn reopen_log(&self, container: &str) -> Result<(), ShimError> {
        self.done(Call::ReopenLog {
            container: container.to_owned(),
        })
        .await
    }

    /// Runs a command in a container.
    ///
    /// # Errors
    /// [`ShimError::Refused`] with the runtime's words.
    pub async fn exec(&self, exec: Exec, stdio: ExecStdio) -> Result<ExecHandle, ShimError> {
        let id = exec.id.clone();
        let exited = self.shared.waiters.expect_exit(&id);
        let (fds, terminal) = match stdio {
            ExecStdio::Pipes {
                stdin,
                stdout,
                stderr,
            } => (vec![stdin, stdout, stderr], false),
            ExecStdio::Terminal => (Vec::new(), true),
        };
        let starting = Starting(Some((self, id.clone())));
        let answer = self.ask(Call::Exec(exec), fds, terminal).await;
        if !matches!(answer, Err(ShimError::TimedOut)) {
            starting.answered();
        }
        match answer {
            Ok((Reply::Started(_), master)) => {
                Ok(ExecHandle::new(self.clone(), id, exited, master))
            }
            Ok(_) => Err(ShimError::Protocol),
            Err(error) => {
                self.shared.waiters.forget_exit(&id);
                Err(error)
            }
        }
    }

    /// Signals an exec, or its whole process group.
    ///
    /// # Errors
    /// [`ShimError`].
    pub async fn exec_signal(&self, exec: &str, signal: i32, group: bool) -> Result<(), ShimError> {
        self.done(Call::ExecSignal {
            exec: exec.to_owned(),
            signal,
            group,
        })
        .await
    }

    /// As [`Self::exec_signal`], without waiting: for owners that are being dropped.
    pub(super) fn exec_signal_soon(&self, exec: &str, signal: i32, group: bool) {
        let id = self.next_id();
        let call = Call::ExecSignal {
            exec: exec.to_owned(),
            signal,
            group,
        };
        if let Ok(frame) = frame::encode(&Request { id, call }) {
            // A full outbox means that the shim has hung or is gone; then there is nothing to kill by it.
            let _ = self.shared.outbox.try_send(Outgoing {
                frame,
                fds: Vec::new(),
            });
        }
    }

    /// Ends everything in the sandbox and the shim itself. Completes when all of it is gone.
    ///
    /// # Errors
    /// [`ShimError`]; a shim that is gone already is one.
    pub async fn shutdown(&self) -> Result<(), ShimError> {
        self.done(Call::Shutdown).await
    }

    async fn done(&self, call: Call) -> Result<(), ShimError> {
        match self.call(call).await? {
            Reply::Done => Ok(()),
            _ => Err(ShimError::Protocol),
        }
    }

    async fn call(&self, call: Call) -> Result<Reply, ShimError> {
        Ok(self.ask(call, Vec::new(), false).await?.0)
    }

    async fn ask(
        &self,
        call: Call,
        fds: Vec<OwnedFd>,
        with_fd: bool,
    ) -> Result<(Reply, Option<OwnedFd>), ShimError> {
        let limit = limit(&call);
        let answered = self.ask_without_limit(call, fds, with_fd);
        match limit {
            None => answered.await,
            // The waiter stays: an answer that comes late is still taken off the connection, with
            // the descriptor that belongs to it.
            Some(limit) => timeout(limit, answered)
                .await
                .unwrap_or(Err(ShimError::TimedOut)),
        }
    }

    async fn ask_without_limit(
        &self,
        call: Call,
        fds: Vec<OwnedFd>,
        with_fd: bool,
    ) -> Result<(Reply, Option<OwnedFd>), ShimError> {
        let id = self.next_id();
        let frame = frame::encode(&Request { id, call }).map_err(std::io::Error::other)?;
        // Room first: a waiter whose request was never sent would be left behind.
        let room = self
            .shared
            .outbox
            .reserve()
            .await
            .map_err(|_| ShimError::Gone)?;
        let answer = self.shared.waiters.expect(id, with_fd);
        room.send(Outgoing { frame, fds });
        let (result, fd): Answer = answer.await.map_err(|_| ShimError::Gone)?;
        Ok((result?, fd))
    }

    fn next_id(&self) -> u64 {
        self.shared.next.fetch_add(1, Ordering::Relaxed)
    }
}

/// A command that was asked for and is not known to run: nobody would end it if whoever wants it
/// goes away now.
struct Starting<'a>(Option<(&'a ShimHandle, String)>);

impl Starting<'_> {
    fn answered(mut self) {
        self.0 = None;
    }
}

impl Drop for Starting<'_> {
    fn drop(&mut self) {
        if let Some((shim, id)) = self.0.take() {
            shim.shared.waiters.forget_exit(&id);
            shim.exec_signal_soon(&id, SIGKILL, true);
        }
    }
}
