//! Becoming a process that outlives its parent.
//!
//! ```text
//! server ─ exec ─► starter: lock, fork ─► shim: setsid, namespaces, socket ──► loop
//!                  └ waits for "ready", prints it, exits ◄── one line ┘
//! ```
//!
//! The server learns readiness, the lasting pid or the error from the starter's output and exit status,
//! and the shim's parent is gone before anything can depend on it.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
};

use lifepod_shim::SandboxDir;
use rustix::{
    fs::{FlockOperation, Mode, flock},
    process::{chdir, getpid, set_child_subreaper, setsid, umask},
    stdio::{dup2_stderr, dup2_stdin, dup2_stdout},
    thread::{set_name, set_thread_groups},
};

use crate::{
    runtime,
    sys::{self, Fork},
};

/// Held as long as the process that keeps it lives.
pub(crate) struct Lock {
    _file: File,
}

/// Makes sure that there is one shim per directory.
pub(crate) fn lock(dir: &SandboxDir) -> io::Result<Lock> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(dir.lock())?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Lock { _file: file }),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "a shim is running here",
        )),
        Err(error) => Err(error.into()),
    }
}

/// The shim's end of the pipe to its starter.
pub(crate) struct Starter {
    pipe: io::PipeWriter,
}

impl Starter {
    /// Tells that the sandbox exists. The starter prints the text and is gone.
    pub(crate) fn ready(mut self, text: &[u8]) -> io::Result<()> {
        self.pipe.write_all(b"+")?;
        self.pipe.write_all(text)
    }

    /// Tells why it cannot exist.
    pub(crate) fn failed(mut self, text: &str) {
        // If the starter is gone there is nobody to tell.
        let _ = self.pipe.write_all(format!("-{text}").as_bytes());
    }
}

/// Forks. The parent prints what the child tells and ends; only the child returns.
pub(crate) fn detach() -> io::Result<Starter> {
    let (reader, writer) = io::pipe()?;
    match sys::fork(None)? {
        Fork::Child => {
            setsid()?;
            Ok(Starter { pipe: writer })
        }
        Fork::Parent(_) => {
            drop(writer);
            sys::exit_now(relay(reader))
        }
    }
}

fn relay(mut reader: io::PipeReader) -> i32 {
    let mut told = Vec::new();
    if let Err(error) = reader.read_to_end(&mut told) {
        told = format!("-cannot hear from the shim: {error}").into_bytes();
    }
    let (code, result) = match told.split_first() {
        Some((b'+', ready)) => (
            0,
            io::stdout()
                .write_all(ready)
                .and_then(|()| io::stdout().flush()),
        ),
        Some((_, failure)) => (1, io::stderr().write_all(failure)),
        None => (
            1,
            io::stderr().write_all(b"the shim ended without a word; see shim.log"),
        ),
    };
    if result.is_ok() { code } else { 1 }
}

/// Leaves the starter's surroundings: directory, mask, groups, streams, place in the OOM killer's list.
pub(crate) fn settle(dir: &SandboxDir) -> io::Result<()> {
    chdir("/")?;
    umask(Mode::from_raw_mode(0o022));
    // libcontainer gives a container without supplementary groups those of its own process.
    set_thread_groups(&[])?;
    set_name(c"lifepod-shim")?;
    set_child_subreaper(Some(getpid()))?;
    // Not allowed everywhere, even to root. Containers get their own score in any case.
    let _ = std::fs::write("/proc/self/oom_score_adj", "-999");
    let log = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o640)
        .open(dir.log())?;
    dup2_stderr(&log)?;
    let null = runtime::null()?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    Ok(())
}
