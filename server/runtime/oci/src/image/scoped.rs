//! Path resolution that cannot leave a directory.
//!
//! A layer or a container's root is someone else's: any component may be a symlink. All lookups go through
//! `openat2(2)` with `RESOLVE_IN_ROOT`, so links resolve as if the directory were `/`, and `..` stops at
//! it. Strings are never inspected to decide what is safe.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::Errno;

/// An open directory that acts as `/` for all lookups below it.
#[derive(Debug)]
pub(crate) struct ScopedDir {
    fd: OwnedFd,
}

impl ScopedDir {
    /// Opens a trusted path as the root.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = openat(CWD, path, flags, Mode::empty())?;
        Ok(Self { fd })
    }

    /// Opens `path` inside the root, following links within it. An empty path is the root.
    pub(crate) fn open_at(&self, path: &[u8], flags: OFlags) -> io::Result<OwnedFd> {
        let path = if path.is_empty() { b"." } else { path };
        let path = CString::new(path)?;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        loop {
            match openat2(
                &self.fd,
                &path,
                flags | OFlags::CLOEXEC,
                Mode::empty(),
                resolve,
            ) {
                // The kernel gives up when something is renamed elsewhere while it walks a `..`.
                Err(Errno::AGAIN | Errno::INTR) => {}
                other => return Ok(other?),
            }
        }
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn no_path_and_no_link_leads_out() {
        let outer = tempfile::tempdir().unwrap();
        fs::write(outer.path().join("secret"), "outside").unwrap();
        let root = outer.path().join("root");
        fs::create_dir_all(root.join("a")).unwrap();
        fs::write(root.join("secret"), "inside").unwrap();
        symlink("../secret", root.join("up")).unwrap();
        symlink("/secret", root.join("absolute")).unwrap();
        symlink(outer.path(), root.join("host")).unwrap();
        symlink("/proc/self/root", root.join("magic")).unwrap();
        let scoped = ScopedDir::open(&root).unwrap();
        for path in [
            "secret",
            "../secret",
            "/secret",
            "a/../../secret",
            "up",
            "absolute",
        ] {
            let fd = scoped.open_at(path.as_bytes(), OFlags::RDONLY).unwrap();
            let content = io::read_to_string(fs::File::from(fd)).unwrap();
            assert_eq!(content, "inside", "{path}");
        }
        for path in ["host/secret", "magic/secret"] {
            let error = scoped.open_at(path.as_bytes(), OFlags::RDONLY).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::NotFound, "{path}");
        }
    }
}
