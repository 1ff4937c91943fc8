//! A running command.

use std::os::fd::OwnedFd;

use lifepod_shim::protocol::ExecExit;
use tokio::sync::oneshot;

use super::{ShimError, ShimHandle};

const SIGKILL: i32 = 9;

/// Where a command's streams go.
#[derive(Debug)]
pub enum ExecStdio {
    /// The command's ends of three pipes or files.
    Pipes {
        /// Its standard input.
        stdin: OwnedFd,
        /// Its standard output.
        stdout: OwnedFd,
        /// Its standard error.
        stderr: OwnedFd,
    },
    /// A new terminal, whose master side the caller gets.
    Terminal,
}

/// A running command. Dropping it changes nothing for the command.
pub struct ExecHandle {
    control: ExecControlHandle,
    exited: oneshot::Receiver<ExecExit>,
    master: Option<OwnedFd>,
}

/// Control of a running command.
#[derive(Clone)]
pub struct ExecControlHandle {
    shim: ShimHandle,
    id: String,
}

impl ExecHandle {
    pub(super) fn new(
        shim: ShimHandle,
        id: String,
        exited: oneshot::Receiver<ExecExit>,
        master: Option<OwnedFd>,
    ) -> Self {
        Self {
            control: ExecControlHandle { shim, id },
            exited,
            master,
        }
    }

    /// Its control, which may outlive this handle.
    #[must_use]
    pub fn control(&self) -> ExecControlHandle {
        self.control.clone()
    }

    /// The master side of its terminal, once.
    pub fn take_master(&mut self) -> Option<OwnedFd> {
        self.master.take()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// [`ShimError::Gone`] if the shim ended before; how the command ended is then unknown.
    pub async fn wait(self) -> Result<ExecExit, ShimError> {
        self.exited.await.map_err(|_| ShimError::Gone)
    }
}

impl ExecControlHandle {
    /// Signals the command's process.
    ///
    /// # Errors
    /// [`ShimError`].
    pub async fn signal(&self, signal: i32) -> Result<(), ShimError> {
        self.shim.exec_signal(&self.id, signal, false).await
    }

    /// Kills the command's process group without waiting for it.
    pub fn kill_soon(&self) {
        self.shim.exec_signal_soon(&self.id, SIGKILL, true);
    }
}
