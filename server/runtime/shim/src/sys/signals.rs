//! Signals: received through a descriptor, sent by number.

use std::{
    io::{self, Read},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd},
};

const TAKEN: [i32; 5] = [
    libc::SIGCHLD,
    libc::SIGTERM,
    libc::SIGINT,
    libc::SIGHUP,
    libc::SIGQUIT,
];
const HIGHEST: i32 = 64;

/// The signals the shim listens to, blocked and readable.
pub(crate) struct SignalQueue {
    file: std::fs::File,
}

impl SignalQueue {
    /// Blocks them and opens the queue.
    pub(crate) fn open() -> io::Result<Self> {
        let set = signal_set(&TAKEN);
        // SAFETY: both calls read the initialised set; the second creates a descriptor.
        let fd = unsafe {
            libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
            libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK)
        };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new and nobody else's.
        let file = std::fs::File::from(unsafe { OwnedFd::from_raw_fd(fd) });
        Ok(Self { file })
    }

    /// The next pending signal's number.
    pub(crate) fn next(&mut self) -> Option<i32> {
        let mut record = [0; size_of::<libc::signalfd_siginfo>()];
        self.file.read_exact(&mut record).ok()?;
        // The number is the structure's first field.
        let number = record
            .first_chunk::<4>()
            .map(|bytes| u32::from_ne_bytes(*bytes))?;
        i32::try_from(number).ok()
    }
}

impl AsFd for SignalQueue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Gives a program that is about to be executed the signal state it expects: nothing blocked, nothing
/// ignored (the Rust runtime ignores SIGPIPE, which exec would pass on).
pub(crate) fn reset_for_exec() {
    let empty = signal_set(&[]);
    // SAFETY: setting default dispositions and an empty mask has no memory effects; unchangeable
    // signals answer EINVAL, which is fine.
    unsafe {
        for signal in 1..=HIGHEST {
            libc::signal(signal, libc::SIG_DFL);
        }
        libc::sigprocmask(libc::SIG_SETMASK, &raw const empty, std::ptr::null_mut());
    }
}

/// Signals one process. The caller has not reaped it, so the number cannot mean another one.
pub(crate) fn send_to_process(pid: i32, signal: i32) -> io::Result<()> {
    kill(pid, signal)
}

/// Signals the group a process leads.
pub(crate) fn send_to_group(leader: i32, signal: i32) -> io::Result<()> {
    kill(-leader, signal)
}

fn kill(target: i32, signal: i32) -> io::Result<()> {
    // SAFETY: kill(2) takes two integers.
    if unsafe { libc::kill(target, signal) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

fn signal_set(signals: &[i32]) -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset initialises the set; sigaddset only changes bits in it.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in signals {
            libc::sigaddset(set.as_mut_ptr(), *signal);
        }
        set.assume_init()
    }
}
