//! Exec, attach and logs: what the API needs of a runtime beside the engine.

use std::{io, os::fd::OwnedFd, path::PathBuf};

use thiserror::Error;

use super::BoxFuture;
use crate::{effect::PodRef, transition::ExitStatus};

/// Why a stream could not be opened.
#[derive(Debug, Error)]
pub enum StreamError {
    /// The container does not run.
    #[error("container `{container}` is not running")]
    NotRunning {
        /// Container name.
        container: String,
    },
    /// The command cannot be started, for example because it does not exist.
    #[error("{message}")]
    CannotStart {
        /// Runtime's text.
        message: String,
    },
    /// This runtime has no such function.
    #[error("the runtime does not offer {what}")]
    Unsupported {
        /// What.
        what: &'static str,
    },
    /// The runtime or the system failed.
    #[error("runtime failed: {0}")]
    Io(#[from] io::Error),
}

/// Size of a terminal in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TerminalSize {
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

/// A command to run in a container.
#[derive(Clone, Debug)]
pub struct ExecRequest {
    /// Container name.
    pub container: String,
    /// Which start of it.
    pub attempt: u32,
    /// Runtime's id of the instance.
    pub container_id: String,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Open a standard input.
    pub stdin: bool,
    /// Run on a terminal: one output stream, no standard error.
    pub tty: Option<TerminalSize>,
}

/// A running command, or an attached container.
pub struct ExecSession {
    /// Where to write standard input.
    pub stdin: Option<OwnedFd>,
    /// Where to read standard output, or the terminal.
    pub stdout: OwnedFd,
    /// Where to read standard error; none with a terminal.
    pub stderr: Option<OwnedFd>,
    /// Control of the process.
    pub control: Box<dyn ExecControl>,
    /// Completes when the process ended, or with an error if that cannot be known any more.
    pub exited: BoxFuture<'static, Result<ExitStatus, StreamError>>,
}

/// Control of a running command.
pub trait ExecControl: Send + Sync {
    /// Changes the size of the terminal.
    fn resize(&self, size: TerminalSize) -> BoxFuture<'_, Result<(), StreamError>>;

    /// Sends a signal to the command's process.
    fn signal(&self, signal: i32) -> BoxFuture<'_, Result<(), StreamError>>;
}

/// Streams of running containers.
pub trait Streams: Send + Sync + 'static {
    /// Runs a command in a running container.
    fn exec<'a>(
        &'a self,
        pod: &'a PodRef,
        request: ExecRequest,
    ) -> BoxFuture<'a, Result<ExecSession, StreamError>>;

    /// Attaches to the container's own process.
    fn attach<'a>(
        &'a self,
        pod: &'a PodRef,
        request: ExecRequest,
    ) -> BoxFuture<'a, Result<ExecSession, StreamError>>;

    /// The CRI-format log file of one instance, which need not exist.
    fn log_file(&self, pod: &PodRef, container: &str, attempt: u32) -> PathBuf;
}
