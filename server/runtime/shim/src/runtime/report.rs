//! How a forked child tells the shim what it did.

use std::{
    io,
    mem::ManuallyDrop,
    os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
};

use lifepod_shim::{fds, protocol::Failure};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use serde::{Deserialize, Serialize};

/// Longest report; a longer error text is cut.
const MAX_REPORT: usize = 16 * 1024;
const MAX_TEXT: usize = 4 * 1024;

/// One thing told.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Report {
    /// The container's init, or the exec, has this process id on the host.
    Created { pid: i32 },
    /// The descriptor sent along is the terminal's master side.
    Terminal,
    /// It failed. The first one counts.
    Failed(Failure),
}

/// The child's end. Survives forks, closed by exec.
#[derive(Debug)]
pub(crate) struct Reporter {
    socket: OwnedFd,
}

/// Makes the shim's end, non-blocking, and the child's.
pub(crate) fn report_channel() -> io::Result<(OwnedFd, Reporter)> {
    // One report is one packet: no framing, and end of file when the last holder is gone.
    let (ours, theirs) = socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )?;
    crate::sys::set_nonblocking(&ours)?;
    Ok((ours, Reporter { socket: theirs }))
}

impl Reporter {
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    pub(crate) fn created(&self, pid: i32) -> io::Result<()> {
        self.send(&Report::Created { pid }, &[])
    }

    pub(crate) fn terminal(&self, master: BorrowedFd<'_>) -> io::Result<()> {
        self.send(&Report::Terminal, &[master])
    }

    pub(crate) fn failed(&self, failure: &Failure) {
        let mut failure = failure.clone();
        let cut = failure.message.floor_char_boundary(MAX_TEXT);
        failure.message.truncate(cut);
        // If the shim is gone nobody wants to know.
        let _ = self.send(&Report::Failed(failure), &[]);
    }

    /// [`Self::failed`] for a holder that knows only the number.
    #[expect(
        unsafe_code,
        reason = "the number outlives every Rust owner of it in this child"
    )]
    pub(crate) fn tell_by_number(socket: RawFd, failure: &Failure) {
        // SAFETY: the child keeps its reporter open until it ends; `ManuallyDrop` keeps it from being
        // closed here.
        let reporter = ManuallyDrop::new(Self {
            socket: unsafe { OwnedFd::from_raw_fd(socket) },
        });
        reporter.failed(failure);
    }

    fn send(&self, report: &Report, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        fds::send(&self.socket, &serde_json::to_vec(report)?, fds).map(|_| ())
    }
}

/// What the shim finds on its end.
pub(crate) enum Received {
    /// A report, with the descriptor that came along.
    Report(Report, Option<OwnedFd>),
    /// Nothing yet.
    Nothing,
    /// Every holder has executed a program or ended.
    End,
}

/// Takes the next report.
pub(crate) fn receive(socket: impl AsFd) -> Received {
    let (mut buffer, mut fds) = ([0; MAX_REPORT], Vec::new());
    match fds::receive(socket, &mut buffer, &mut fds) {
        Ok(0) => Received::End,
        Ok(len) => match serde_json::from_slice(&buffer[..len]) {
            Ok(report) => Received::Report(report, fds.pop()),
            Err(_) => Received::End,
        },
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Received::Nothing,
        Err(_) => Received::End,
    }
}
