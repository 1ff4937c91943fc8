//! What can be asked of a shim.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// One request's content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// First call of a connection: checks the version, answers the state and subscribes to events.
    Hello {
        /// The client's [`PROTOCOL_VERSION`](super::PROTOCOL_VERSION).
        version: u32,
    },
    /// The whole state again.
    State,
    /// Creates and starts a container. Answered when its program was executed.
    ///
    /// Descriptors: with `rootfs` the mount of the root file system; otherwise none.
    Create(CreateContainer),
    /// Signals a container.
    Signal {
        /// Which.
        container: String,
        /// Signal number.
        signal: i32,
        /// Every process of its cgroup instead of its init only.
        #[serde(default)]
        all: bool,
    },
    /// Runs another program in a container. Answered when it was executed.
    ///
    /// Descriptors: without a terminal stdin, stdout and stderr of the program, in this order.
    /// With one none; the answer carries the terminal's master side.
    Exec(Exec),
    /// Signals an exec.
    ExecSignal {
        /// Which.
        exec: String,
        /// Signal number.
        signal: i32,
        /// Its whole process group, which it leads, instead of the process only.
        #[serde(default)]
        group: bool,
    },
    /// Resizes the terminal of a container. An exec's terminal is resized through its master side,
    /// which only the client holds.
    Resize {
        /// Which.
        container: String,
        /// To what.
        size: TerminalSize,
    },
    /// Closes the container's stdin for good.
    CloseStdin {
        /// Which.
        container: String,
    },
    /// Joins live streams to a container.
    ///
    /// Descriptors: those asked for, in the order stdin, stdout, stderr; pipes or sockets, used by the
    /// shim alone from then on.
    Attach(Attach),
    /// Opens the log file anew, after it was renamed.
    ReopenLog {
        /// Which.
        container: String,
    },
    /// Kills what is left of a container and removes its cgroup and exit record. Answered when all of
    /// it is gone; an unknown container is gone already.
    Delete {
        /// Which.
        container: String,
    },
    /// Deletes every container, removes the pod's cgroup and ends the shim. Answered last of all.
    Shutdown,
}

/// A container to create and start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateContainer {
    /// Name: 1 to 128 of `A-Z a-z 0-9 _ . -`, not `.` or `..`.
    pub id: String,
    /// OCI bundle: directory with `config.json`. Terminal, cgroup, limits and user are in there.
    pub bundle: PathBuf,
    /// The root file system comes along as the descriptor of a mount that is attached nowhere; the
    /// bundle's `root.path` is then not looked at. It exists only in the container's mount namespace.
    #[serde(default)]
    pub rootfs: bool,
    /// CRI log file, appended to. Without one the output is only seen by attached clients.
    #[serde(default)]
    pub log: Option<PathBuf>,
    /// Keep stdin open for attached clients; `/dev/null` otherwise.
    #[serde(default)]
    pub stdin: bool,
    /// The end of the first attached client's stdin is the end of the container's.
    #[serde(default)]
    pub stdin_once: bool,
}

/// A program to run in a running container: same namespaces, cgroup, capabilities, resource limits
/// and `no_new_privs` as the container's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exec {
    /// Name for signals and the exit event, unique among live execs. Same alphabet as container ids.
    pub id: String,
    /// Where.
    pub container: String,
    /// Program and arguments; the program is looked up in the `PATH` of its environment.
    pub args: Vec<String>,
    /// `NAME=value` each; the container's own environment if absent.
    #[serde(default)]
    pub env: Option<Vec<String>>,
    /// Absolute; the container's own if absent.
    #[serde(default)]
    pub cwd: Option<PathBuf>,
    /// The container's own if absent.
    #[serde(default)]
    pub user: Option<ProcessUser>,
    /// Run on a new terminal of this size.
    #[serde(default)]
    pub terminal: Option<TerminalSize>,
}

/// Whom a program runs as.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessUser {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Supplementary group ids.
    #[serde(default)]
    pub additional_gids: Vec<u32>,
}

/// Size of a terminal in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalSize {
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

/// Which streams to join.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attach {
    /// To what.
    pub container: String,
    /// Feed the container's stdin from the first descriptor.
    #[serde(default)]
    pub stdin: bool,
    /// Copy stdout, or the terminal, from now on.
    #[serde(default)]
    pub stdout: bool,
    /// Copy stderr from now on.
    #[serde(default)]
    pub stderr: bool,
}

impl Attach {
    /// How many descriptors belong to the call.
    pub fn descriptors(&self) -> usize {
        usize::from(self.stdin) + usize::from(self.stdout) + usize::from(self.stderr)
    }
}

impl Call {
    /// How many descriptors belong to the call.
    pub fn descriptors(&self) -> usize {
        match self {
            Self::Create(create) => usize::from(create.rootfs),
            Self::Exec(exec) if exec.terminal.is_none() => 3,
            Self::Attach(attach) => attach.descriptors(),
            _ => 0,
        }
    }
}
