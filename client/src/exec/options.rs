//! What is run, and how.

use std::{collections::BTreeMap, time::Duration};

use lifepod_proto::v1 as proto;

/// Size of a terminal, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TerminalSize {
    /// Width.
    pub columns: u16,
    /// Height.
    pub rows: u16,
}

impl From<TerminalSize> for proto::TerminalSize {
    fn from(size: TerminalSize) -> Self {
        Self {
            columns: size.columns.into(),
            rows: size.rows.into(),
        }
    }
}

/// A command and how it is run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExecOptions {
    /// The command and its arguments, not run in a shell.
    pub command: Vec<String>,
    /// The container; may be empty when the pod has just one.
    pub container: String,
    /// Whether input is sent.
    pub stdin: bool,
    /// Give it a terminal of this size.
    pub tty: Option<TerminalSize>,
    /// Additional environment variables.
    pub env: BTreeMap<String, String>,
    /// Working directory; the container's when empty.
    pub working_dir: String,
    /// Kill it after this time.
    pub timeout: Option<Duration>,
    /// Let it go on when the client disappears, to be attached to again by this UUID.
    pub keep_as: Option<String>,
    /// Only in the pod of this uid.
    pub uid: String,
}

impl ExecOptions {
    /// Runs a command without input or terminal.
    #[must_use]
    pub fn new(command: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            command: command.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }

    /// In this container.
    #[must_use]
    pub fn container(mut self, container: impl Into<String>) -> Self {
        self.container = container.into();
        self
    }

    /// With input.
    #[must_use]
    pub fn stdin(mut self) -> Self {
        self.stdin = true;
        self
    }

    /// With a terminal.
    #[must_use]
    pub fn tty(mut self, size: TerminalSize) -> Self {
        self.tty = Some(size);
        self
    }

    pub(super) fn start(self, target: proto::ContainerReference) -> proto::ExecStart {
        let policy = match self.keep_as {
            Some(_) => proto::ExecDisconnectPolicy::Keep,
            None => proto::ExecDisconnectPolicy::Kill,
        };
        proto::ExecStart {
            target: Some(target),
            command: self.command,
            stdin: self.stdin,
            tty: self.tty.is_some(),
            terminal_size: self.tty.map(Into::into),
            disconnect_policy: policy.into(),
            timeout: self.timeout.and_then(|timeout| timeout.try_into().ok()),
            env: self.env,
            working_dir: self.working_dir,
            exec_id: self.keep_as.unwrap_or_default(),
            ..Default::default()
        }
    }
}

/// Which running process is attached to. The default is the container's own first process, output only.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AttachOptions {
    /// The container; may be empty when the pod has just one.
    pub container: String,
    /// A command that was kept; the container's own process when empty.
    pub exec_id: String,
    /// Whether input is sent.
    pub stdin: bool,
    /// Size of the terminal here, when the process has one.
    pub terminal_size: Option<TerminalSize>,
    /// Offset of stdout to go on from, for a command that was kept.
    pub stdout_offset: Option<i64>,
    /// Offset of stderr to go on from, for a command that was kept.
    pub stderr_offset: Option<i64>,
}

impl AttachOptions {
    pub(super) fn attach(self, target: proto::ContainerReference) -> proto::ExecAttach {
        proto::ExecAttach {
            target: Some(target),
            exec_id: self.exec_id,
            stdin: self.stdin,
            terminal_size: self.terminal_size.map(Into::into),
            stdout_offset: self.stdout_offset,
            stderr_offset: self.stderr_offset,
            ..Default::default()
        }
    }
}
