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
/// ignored. The Rust runtime ignores SIGPIPE, whoever started the server may have ignored anything, and
/// exec passes that on.
pub(crate) fn reset_for_exec() {
    let empty = signal_set(&[]);
    for signal in 1..=HIGHEST {
        set_default(signal);
    }
    // SAFETY: an empty mask has no memory effects.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const empty, std::ptr::null_mut()) };
}

/// By system call: the C library keeps two signals for itself and refuses to touch them.
fn set_default(signal: i32) {
    // The kernel's `struct sigaction`: handler, flags, restorer and mask are all zero.
    let action = [0_u64; 4];
    let (new, old) = (action.as_ptr(), std::ptr::null_mut::<u64>());
    // SAFETY: the kernel reads the action, which outlives the call, and its mask of eight bytes.
    // SIGKILL and SIGSTOP answer EINVAL, which is fine.
    unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, new, old, size_of::<u64>()) };
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
