//! Exec and attach through the shim. Data never passes the shim: the program gets one end of a
//! pipe, the caller the other.

use std::{
    os::fd::OwnedFd,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use lifepod_lifecycle::{
    effect::PodRef,
    port::{BoxFuture, ExecControl, ExecRequest, ExecSession, StreamError, Streams, TerminalSize},
    transition::ExitStatus,
};
use lifepod_shim::protocol::{Attach, ErrorCode, Exec, TerminalSize as ShimSize};
use rustix::pipe::{PipeFlags, pipe_with};
use tokio::io::AsyncReadExt as _;

use super::{Inner, OciDriver, pods::Entry};
use crate::shim::{ExecHandle, ExecStdio, ShimError, ShimHandle};

/// A finished command with the beginning of its output.
pub(super) struct Done {
    pub(super) exit_code: i32,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
}

static NEXT: AtomicU64 = AtomicU64::new(0);

/// A name for an exec that no earlier server of this sandbox has used.
fn exec_id() -> String {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{}-{number}", std::process::id())
}

fn shim_error(error: ShimError, container: &str) -> StreamError {
    match error {
        ShimError::Refused(failure) => match failure.code {
            ErrorCode::NotFound | ErrorCode::NotRunning => StreamError::NotRunning {
                container: container.to_owned(),
            },
            ErrorCode::ExecutableNotFound
            | ErrorCode::ExecutableNotPermitted
            | ErrorCode::StartFailed => StreamError::CannotStart {
                message: failure.message,
            },
            _ => StreamError::Io(std::io::Error::other(failure)),
        },
        other => StreamError::Io(std::io::Error::other(other)),
    }
}

/// Two ends of a pipe; a child inherits neither by accident.
fn pipe() -> std::io::Result<(OwnedFd, OwnedFd)> {
    Ok(pipe_with(PipeFlags::CLOEXEC)?)
}

fn sandbox_of(inner: &Inner, pod: &PodRef, container: &str) -> Result<Arc<Entry>, StreamError> {
    if inner.unreached.holds(&pod.uid) {
        return Err(shim_error(ShimError::TimedOut, container));
    }
    inner
        .pods
        .get(&pod.uid)
        .ok_or_else(|| StreamError::NotRunning {
            container: container.to_owned(),
        })
}

/// Runs a command to its end and keeps at most `limit` bytes of each output. Dropping the future
/// kills the command.
pub(super) async fn run_to_end(
    inner: &Arc<Inner>,
    pod: &PodRef,
    container: &str,
    container_id: &str,
    command: &[String],
    limit: usize,
) -> Result<Done, StreamError> {
    let shim = sandbox_of(inner, pod, container)?.shim.clone();
    let (out, stdout) = pipe()?;
    let (err, stderr) = pipe()?;
    let stdin = std::fs::File::open("/dev/null")?.into();
    let exec = Exec {
        id: exec_id(),
        container: container_id.to_owned(),
        args: command.to_vec(),
        ..Exec::default()
    };
    let stdio = ExecStdio::Pipes {
        stdin,
        stdout,
        stderr,
    };
    let running = shim
        .exec(exec, stdio)
        .await
        .map_err(|error| shim_error(error, container))?;
    let guard = KillOnDrop::new(running.control());
    // A background process may hold the pipes longer than the command lives: its end decides.
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let exit = {
        let outputs = async {
            tokio::join!(
                collect(out, &mut stdout, limit),
                collect(err, &mut stderr, limit)
            )
        };
        let exit = running.wait();
        tokio::pin!(outputs, exit);
        tokio::select! {
            biased;
            exit = &mut exit => {
                let _ = tokio::time::timeout(DRAIN, &mut outputs).await;
                exit
            }
            _ = &mut outputs => exit.await,
        }
    };
    guard.disarm();
    let exit = exit.map_err(|error| shim_error(error, container))?;
    Ok(Done {
        exit_code: exit.exit_code,
        stdout,
        stderr,
    })
}

/// How long the output of an ended command is waited for.
const DRAIN: std::time::Duration = std::time::Duration::from_millis(100);

/// Reads to the end, keeping the first `limit` bytes.
async fn collect(from: OwnedFd, into: &mut Vec<u8>, limit: usize) {
    let Ok(mut from) = tokio::net::unix::pipe::Receiver::from_owned_fd(from) else {
        return;
    };
    let mut chunk = [0; 4096];
    while let Ok(n @ 1..) = from.read(&mut chunk).await {
        let keep = n.min(limit.saturating_sub(into.len()));
        into.extend_from_slice(&chunk[..keep]);
    }
}

/// Kills an exec whose owner lost interest.
struct KillOnDrop(Option<crate::shim::ExecControlHandle>);

impl KillOnDrop {
    fn new(control: crate::shim::ExecControlHandle) -> Self {
        Self(Some(control))
    }

    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        if let Some(control) = self.0.take() {
            control.kill_soon();
        }
    }
}

impl Streams for OciDriver {
    fn exec<'a>(
        &'a self,
        pod: &'a PodRef,
        request: ExecRequest,
    ) -> BoxFuture<'a, Result<ExecSession, StreamError>> {
        Box::pin(exec(&self.inner, pod, request))
    }

    fn attach<'a>(
        &'a self,
        pod: &'a PodRef,
        request: ExecRequest,
    ) -> BoxFuture<'a, Result<ExecSession, StreamError>> {
        Box::pin(attach(&self.inner, pod, request))
    }

    fn log_file(&self, pod: &PodRef, container: &str, attempt: u32) -> PathBuf {
        self.inner.layout.log(pod, container, attempt)
    }
}

async fn exec(
    inner: &Arc<Inner>,
    pod: &PodRef,
    request: ExecRequest,
) -> Result<ExecSession, StreamError> {
    let container = request.container;
    let shim = sandbox_of(inner, pod, &container)?.shim.clone();
    let exec = Exec {
        id: exec_id(),
        container: request.container_id,
        args: request.command,
        terminal: request.tty.map(shim_size),
        ..Exec::default()
    };
    let failed = |error| shim_error(error, &container);
    if request.tty.is_some() {
        let mut running = shim.exec(exec, ExecStdio::Terminal).await.map_err(failed)?;
        let master = running
            .take_master()
            .ok_or_else(|| failed(ShimError::Protocol))?;
        let stdin = if request.stdin {
            Some(master.try_clone()?)
        } else {
            None
        };
        let terminal = Some(master.try_clone()?);
        return Ok(session(running, stdin, master, None, terminal, container));
    }
    let (input, stdin) = if request.stdin {
        let (read, write) = pipe()?;
        (read, Some(write))
    } else {
        (std::fs::File::open("/dev/null")?.into(), None)
    };
    let (out, stdout) = pipe()?;
    let (err, stderr) = pipe()?;
    let stdio = ExecStdio::Pipes {
        stdin: input,
        stdout,
        stderr,
    };
    let running = shim.exec(exec, stdio).await.map_err(failed)?;
    Ok(session(running, stdin, out, Some(err), None, container))
}

fn session(
    running: ExecHandle,
    stdin: Option<OwnedFd>,
    stdout: OwnedFd,
    stderr: Option<OwnedFd>,
    terminal: Option<OwnedFd>,
    container: String,
) -> ExecSession {
    let control = Box::new(Control {
        process: running.control(),
        terminal,
        container: container.clone(),
    });
    let exited = Box::pin(async move {
        let exit = running
            .wait()
            .await
            .map_err(|error| shim_error(error, &container))?;
        Ok(ExitStatus {
            code: exit.exit_code,
            signal: exit.signal.unwrap_or(0),
            oom_killed: false,
        })
    });
    ExecSession {
        stdin,
        stdout,
        stderr,
        control,
        exited,
    }
}

const fn shim_size(size: TerminalSize) -> ShimSize {
    ShimSize {
        width: size.width,
        height: size.height,
    }
}

/// Control of an exec.
struct Control {
    process: crate::shim::ExecControlHandle,
    terminal: Option<OwnedFd>,
    container: String,
}

impl ExecControl for Control {
    fn resize(&self, size: TerminalSize) -> BoxFuture<'_, Result<(), StreamError>> {
        Box::pin(async move {
            let Some(terminal) = &self.terminal else {
                return Ok(());
            };
            let size = rustix::termios::Winsize {
                ws_row: size.height,
                ws_col: size.width,
                ws_xpixel: 0,
                ws_ypixel: 0,
            };
            rustix::termios::tcsetwinsize(terminal, size)
                .map_err(|error| StreamError::Io(error.into()))
        })
    }

    fn signal(&self, signal: i32) -> BoxFuture<'_, Result<(), StreamError>> {
        Box::pin(async move {
            self.process
                .signal(signal)
                .await
                .map_err(|error| shim_error(error, &self.container))
        })
    }
}

async fn attach(
    inner: &Arc<Inner>,
    pod: &PodRef,
    request: ExecRequest,
) -> Result<ExecSession, StreamError> {
    let container = request.container;
    let sandbox = sandbox_of(inner, pod, &container)?;
    let tty = pod.container(&container).is_some_and(|spec| spec.tty);
    let (out, stdout) = pipe()?;
    let mut fds = Vec::new();
    let stdin = if request.stdin {
        let (read, write) = pipe()?;
        fds.push(read);
        Some(write)
    } else {
        None
    };
    fds.push(stdout);
    let stderr = if tty {
        None
    } else {
        let (err, stderr) = pipe()?;
        fds.push(stderr);
        Some(err)
    };
    let wanted = Attach {
        container: request.container_id.clone(),
        stdin: request.stdin,
        stdout: true,
        stderr: !tty,
    };
    let ended = sandbox.expect_end(&request.container_id);
    sandbox
        .shim
        .attach(wanted, fds)
        .await
        .map_err(|error| shim_error(error, &container))?;
    let control = Box::new(AttachControl {
        shim: sandbox.shim.clone(),
        id: request.container_id,
        container: container.clone(),
    });
    let exited = Box::pin(async move {
        ended
            .await
            .map_err(|_| shim_error(ShimError::Gone, &container))
    });
    Ok(ExecSession {
        stdin,
        stdout: out,
        stderr,
        control,
        exited,
    })
}

/// Control of an attached container.
struct AttachControl {
    shim: ShimHandle,
    id: String,
    container: String,
}

impl ExecControl for AttachControl {
    fn resize(&self, size: TerminalSize) -> BoxFuture<'_, Result<(), StreamError>> {
        Box::pin(async move {
            let resized = self.shim.resize(&self.id, shim_size(size)).await;
            resized.map_err(|error| shim_error(error, &self.container))
        })
    }

    fn signal(&self, signal: i32) -> BoxFuture<'_, Result<(), StreamError>> {
        Box::pin(async move {
            let signalled = self.shim.signal(&self.id, signal, false).await;
            signalled.map_err(|error| shim_error(error, &self.container))
        })
    }
}
