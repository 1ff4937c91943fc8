//! A program's standard streams.

use std::{io, os::fd::OwnedFd};

use rustix::{
    fs::{Mode, OFlags},
    stdio::{dup2_stderr, dup2_stdin, dup2_stdout},
};

/// The program's ends.
#[derive(Debug)]
pub(crate) struct ProgramStdio {
    pub(crate) stdin: OwnedFd,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
}

impl ProgramStdio {
    /// All three the same.
    pub(super) fn terminal(slave: &OwnedFd) -> io::Result<Self> {
        Ok(Self {
            stdin: slave.try_clone()?,
            stdout: slave.try_clone()?,
            stderr: slave.try_clone()?,
        })
    }

    /// Makes them this process's own.
    pub(super) fn install(&self) -> io::Result<()> {
        dup2_stdin(&self.stdin)?;
        dup2_stdout(&self.stdout)?;
        dup2_stderr(&self.stderr)?;
        Ok(())
    }

    /// Gives the pipes to a user.
    pub(crate) fn own(&self, uid: u32, gid: u32) {
        for fd in [&self.stdin, &self.stdout, &self.stderr] {
            crate::sys::own_pipe(fd, uid, gid);
        }
    }
}

/// An empty, never-ending stdin.
pub(crate) fn null() -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(
        "/dev/null",
        OFlags::RDWR | OFlags::CLOEXEC,
        Mode::empty(),
    )?)
}
