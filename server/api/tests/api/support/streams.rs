//! Commands as processes of this machine, with pipes or a terminal.

use std::{
    os::fd::OwnedFd,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use lifepod_lifecycle::{
    effect::PodRef,
    port::{BoxFuture, ExecControl, ExecRequest, ExecSession, StreamError, Streams, TerminalSize},
    transition::ExitStatus,
};
use rustix::{
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};

use super::runtime::TestRuntime;

struct Control {
    pid: Pid,
    terminal: Option<OwnedFd>,
}

impl ExecControl for Control {
    fn resize(&self, size: TerminalSize) -> BoxFuture<'_, Result<(), StreamError>> {
        Box::pin(async move {
            if let Some(terminal) = &self.terminal {
                set_size(terminal, size)?;
            }
            Ok(())
        })
    }

    fn signal(&self, signal: i32) -> BoxFuture<'_, Result<(), StreamError>> {
        Box::pin(async move {
            let signal = Signal::from_named_raw(signal).expect("a known signal");
            kill_process(self.pid, signal).map_err(std::io::Error::from)?;
            Ok(())
        })
    }
}

fn set_size(terminal: &OwnedFd, size: TerminalSize) -> std::io::Result<()> {
    let size = Winsize {
        ws_col: size.width,
        ws_row: size.height,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    Ok(tcsetwinsize(terminal, size)?)
}

/// Waits without a signal handler: polls, as tests may.
async fn exited(mut child: Child) -> Result<ExitStatus, StreamError> {
    use std::os::unix::process::ExitStatusExt as _;
    loop {
        if let Some(status) = child.try_wait()? {
            let signal = status.signal().unwrap_or_default();
            return Ok(ExitStatus {
                code: status.code().unwrap_or(128 + signal),
                signal,
                oom_killed: false,
            });
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn spawn(request: &ExecRequest) -> Result<ExecSession, StreamError> {
    let mut command = Command::new(&request.command[0]);
    command.args(&request.command[1..]);
    match request.tty {
        Some(size) => with_terminal(command, size),
        None => with_pipes(command, request.stdin),
    }
}

fn started(spawned: std::io::Result<Child>) -> Result<Child, StreamError> {
    spawned.map_err(|error| StreamError::CannotStart {
        message: error.to_string(),
    })
}

fn pid_of(child: &Child) -> Pid {
    Pid::from_child(child)
}

fn with_pipes(mut command: Command, stdin: bool) -> Result<ExecSession, StreamError> {
    let input = if stdin { Stdio::piped() } else { Stdio::null() };
    command
        .stdin(input)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = started(command.spawn())?;
    let control = Control {
        pid: pid_of(&child),
        terminal: None,
    };
    Ok(ExecSession {
        stdin: child.stdin.take().map(OwnedFd::from),
        stdout: child.stdout.take().expect("piped").into(),
        stderr: child.stderr.take().map(OwnedFd::from),
        control: Box::new(control),
        exited: Box::pin(exited(child)),
    })
}

fn with_terminal(mut command: Command, size: TerminalSize) -> Result<ExecSession, StreamError> {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
        .map_err(std::io::Error::from)?;
    grantpt(&master).map_err(std::io::Error::from)?;
    unlockpt(&master).map_err(std::io::Error::from)?;
    set_size(&master, size)?;
    let name = ptsname(&master, Vec::new()).map_err(std::io::Error::from)?;
    let path = name.to_str().expect("ASCII");
    let slave = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)?;
    command
        .stdin(slave.try_clone()?)
        .stdout(slave.try_clone()?)
        .stderr(slave);
    let child = started(command.spawn())?;
    drop(command);
    let control = Control {
        pid: pid_of(&child),
        terminal: Some(master.try_clone()?),
    };
    Ok(ExecSession {
        stdin: Some(master.try_clone()?),
        stdout: master,
        stderr: None,
        control: Box::new(control),
        exited: Box::pin(exited(child)),
    })
}

impl Streams for TestRuntime {
    fn exec<'a>(
        &'a self,
        _pod: &'a PodRef,
        request: ExecRequest,
    ) -> BoxFuture<'a, Result<ExecSession, StreamError>> {
        Box::pin(async move { spawn(&request) })
    }

    fn attach<'a>(
        &'a self,
        _pod: &'a PodRef,
        _request: ExecRequest,
    ) -> BoxFuture<'a, Result<ExecSession, StreamError>> {
        Box::pin(async { Err(StreamError::Unsupported { what: "attach" }) })
    }

    fn log_file(&self, pod: &PodRef, container: &str, attempt: u32) -> PathBuf {
        self.log_path(pod.uid.as_str(), container, attempt)
    }
}
