//! Forking, executing, ending.

use std::{
    ffi::{CStr, CString, c_char},
    io,
    os::fd::{AsRawFd, BorrowedFd},
};

/// The constant of the C library binding does not fit its own type.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// Which side of a fork this is.
pub(crate) enum Fork {
    /// The parent, with the child's process id.
    Parent(i32),
    /// The child.
    Child,
}

/// Forks. The shim never has a second thread, so the child may run any code.
///
/// With a v2 cgroup directory the child is born inside it: that costs nothing, while moving a process
/// waits for an RCU grace period (about 10 ms).
pub(crate) fn fork(into: Option<BorrowedFd<'_>>) -> io::Result<Fork> {
    let pid = match into {
        // SAFETY: the process is single-threaded, so no lock can be held by a vanished thread.
        None => i64::from(unsafe { libc::fork() }),
        Some(cgroup) => clone_into(cgroup),
    };
    match pid {
        0 => Ok(Fork::Child),
        pid if pid > 0 => Ok(Fork::Parent(i32::try_from(pid).unwrap_or(i32::MAX))),
        _ => Err(io::Error::last_os_error()),
    }
}

fn clone_into(cgroup: BorrowedFd<'_>) -> i64 {
    // SAFETY: `clone_args` is plain old data; all zeroes asks for a plain fork.
    let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
    arguments.flags = CLONE_INTO_CGROUP;
    arguments.exit_signal = libc::SIGCHLD as u64;
    arguments.cgroup = u64::from(cgroup.as_raw_fd().cast_unsigned());
    // SAFETY: without a stack or CLONE_VM this behaves as fork(2); the arguments outlive the call. As for
    // fork, there is no other thread. The C library's fork handlers only guard against threads.
    unsafe {
        libc::syscall(
            libc::SYS_clone3,
            &raw const arguments,
            size_of_val(&arguments),
        )
    }
}

/// Ends a forked child without running anything that belongs to its parent.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: ends the process; nothing runs after it.
    unsafe { libc::_exit(code) }
}

/// Replaces the process; answers only if that failed.
pub(crate) fn execute(program: &CStr, arguments: &[CString], environment: &[CString]) -> io::Error {
    let pointers = |strings: &[CString]| -> Vec<*const c_char> {
        strings
            .iter()
            .map(|string| string.as_ptr())
            .chain([std::ptr::null()])
            .collect()
    };
    let (argv, envp) = (pointers(arguments), pointers(environment));
    // SAFETY: both arrays end with a null pointer and, like the strings they point to, outlive the call.
    unsafe { libc::execve(program.as_ptr(), argv.as_ptr(), envp.as_ptr()) };
    io::Error::last_os_error()
}
