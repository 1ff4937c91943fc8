//! File descriptors.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, RawFd},
};

use rustix::fs::{FileType, OFlags, fcntl_getfl, fcntl_setfl, fstat};

/// Makes reads and writes return instead of waiting.
pub(crate) fn set_nonblocking(fd: impl AsFd) -> io::Result<()> {
    let flags = fcntl_getfl(&fd)?;
    Ok(fcntl_setfl(&fd, flags | OFlags::NONBLOCK)?)
}

/// Closes every descriptor but those given and the standard three. For forked children that are about
/// to enter a container: nothing of the host may be open there.
pub(crate) fn close_all_except(keep: &[BorrowedFd<'_>]) {
    use std::os::fd::AsRawFd;
    let mut keep: Vec<RawFd> = keep
        .iter()
        .map(AsRawFd::as_raw_fd)
        .filter(|fd| *fd > 2)
        .collect();
    keep.sort_unstable();
    let mut next: RawFd = 3;
    for fd in keep {
        if fd > next {
            close_range(next, fd - 1);
        }
        next = fd + 1;
    }
    close_range(next, RawFd::MAX);
}

fn close_range(first: RawFd, last: RawFd) {
    // SAFETY: closing descriptors touches no memory. Owners of the closed descriptors exist in this
    // forked child, but it ends by exec or `exit_now`, so none of them is used or dropped again.
    unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
}

/// Gives a pipe or socket to the user of the program that gets it: programs reopen `/dev/stdout`.
pub(crate) fn own_pipe(fd: impl AsFd, uid: u32, gid: u32) {
    use std::os::fd::AsRawFd;
    let Ok(stat) = fstat(&fd) else { return };
    let kind = FileType::from_raw_mode(stat.st_mode);
    if (uid, gid) == (0, 0) || !matches!(kind, FileType::Fifo | FileType::Socket) {
        return;
    }
    // SAFETY: fchown(2) takes three integers. Failure only means that reopening will be refused.
    unsafe { libc::fchown(fd.as_fd().as_raw_fd(), uid, gid) };
}
