//! Terminals.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
};

use lifepod_shim::protocol::TerminalSize;
use rustix::{
    fs::fstatfs,
    process::ioctl_tiocsctty,
    pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt},
    termios::{Winsize, tcsetwinsize},
};

const DEVPTS_MAGIC: i64 = 0x1cd1;

/// Sets the size of a terminal through its master side.
pub(crate) fn set_size(master: impl AsFd, size: TerminalSize) -> io::Result<()> {
    let size = Winsize {
        ws_row: size.height,
        ws_col: size.width,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    Ok(tcsetwinsize(master, size)?)
}

/// A new terminal of the container this process has joined. Answers master and slave.
pub(super) fn open(size: TerminalSize) -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags)?;
    #[expect(
        clippy::useless_conversion,
        reason = "the field's type differs between architectures"
    )]
    let magic = i64::from(fstatfs(&master)?.f_type);
    if magic != DEVPTS_MAGIC {
        // The image may have put anything at /dev/ptmx.
        return Err(io::Error::other(
            "/dev/ptmx of the container is not a terminal",
        ));
    }
    unlockpt(&master)?;
    // Not through the path of the slave, for the same reason.
    let slave = ioctl_tiocgptpeer(&master, flags)?;
    set_size(&master, size)?;
    Ok((master, slave))
}

/// Makes it the controlling terminal of this session leader.
pub(super) fn control(slave: impl AsFd) -> io::Result<()> {
    Ok(ioctl_tiocsctty(slave)?)
}
