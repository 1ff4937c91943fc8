//! Removes directory trees that strangers filled.
//!
//! Neither depth nor symlinks nor mounts may surprise it: it works on open directories only, never follows
//! a link, never crosses into another mount, and holds a bounded number of descriptors because a
//! directory nested too deep is first moved up.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, openat2, renameat, unlinkat};
use rustix::io::Errno;

/// How many directories are open at once.
const MAX_DEPTH: usize = 32;
const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Removes `name` in `parent`, a file or a whole tree. Nothing there is fine.
///
/// # Errors
/// `EXDEV` when a file system is mounted inside the tree; everything not below it is gone by then.
pub(crate) fn remove(parent: impl AsFd, name: &CStr) -> io::Result<()> {
    let parent = parent.as_fd();
    match unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        // Linux says EISDIR, POSIX says EPERM.
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(error) => return Err(error.into()),
    }
    let mut moved_up = 0;
    loop {
        // Moved-up directories land in the top directory, which is walked again until it is empty.
        let top = match open_dir(parent, name) {
            Err(Errno::NOENT) => return Ok(()),
            other => other?,
        };
        empty(top, &mut moved_up)?;
        match unlinkat(parent, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => return Ok(()),
            Err(Errno::NOTEMPTY | Errno::EXIST) if moved_up > 0 => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// A directory being emptied, and its name in the one above.
struct Level {
    fd: OwnedFd,
    subdirs: Vec<CString>,
    name: CString,
}

fn empty(top: OwnedFd, moved_up: &mut u64) -> io::Result<()> {
    let mut levels = vec![Level {
        subdirs: remove_files(top.as_fd())?,
        fd: top,
        name: CString::default(),
    }];
    while let Some(deepest) = levels.len().checked_sub(1) {
        match levels[deepest].subdirs.pop() {
            Some(name) if levels.len() == MAX_DEPTH => {
                *moved_up += 1;
                move_up(&levels, &name, *moved_up)?;
            }
            Some(name) => {
                let fd = open_dir(levels[deepest].fd.as_fd(), &name)?;
                let subdirs = remove_files(fd.as_fd())?;
                levels.push(Level { fd, subdirs, name });
            }
            None => {
                let done = levels.pop().map(|level| level.name).unwrap_or_default();
                if let Some(above) = levels.last() {
                    unlinkat(&above.fd, &done, AtFlags::REMOVEDIR)?;
                }
            }
        }
    }
    Ok(())
}

fn move_up(levels: &[Level], name: &CStr, number: u64) -> io::Result<()> {
    let (top, deep) = (&levels[0].fd, &levels[levels.len() - 1].fd);
    // A name the tree itself may have taken is skipped by trying the next.
    for attempt in 0.. {
        let to = format!(".removing-{number}-{attempt}");
        match renameat(deep, name, top, to.as_str()) {
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => {}
            other => return other.map_err(io::Error::from),
        }
    }
    Ok(())
}

/// Unlinks everything that is not a directory and returns the directories.
fn remove_files(dir: BorrowedFd<'_>) -> io::Result<Vec<CString>> {
    let mut subdirs = Vec::new();
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        if entry.file_type() == FileType::Directory {
            subdirs.push(name.to_owned());
            continue;
        }
        match unlinkat(dir, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            // File systems without types in their directories land here.
            Err(Errno::ISDIR | Errno::PERM) => subdirs.push(name.to_owned()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(subdirs)
}

fn open_dir(parent: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    openat2(parent, name, DIRECTORY, Mode::empty(), resolve)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_very_deep_tree_is_removed_with_few_descriptors() {
        let root = tempfile::tempdir().unwrap();
        let base = fs::File::open(root.path()).unwrap();
        let mut dir: OwnedFd = fs::File::open(root.path()).unwrap().into();
        for _ in 0..10 * MAX_DEPTH {
            rustix::fs::mkdirat(&dir, "d", Mode::RWXU).unwrap();
            rustix::fs::openat(&dir, "f", OFlags::CREATE, Mode::RWXU).unwrap();
            dir = open_dir(dir.as_fd(), c"d").unwrap();
        }
        remove(&base, c"d").unwrap();
        assert!(!root.path().join("d").exists());
    }

    #[test]
    fn links_are_removed_and_what_they_point_at_stays() {
        let root = tempfile::tempdir().unwrap();
        let outside = root.path().join("outside");
        fs::create_dir_all(outside.join("kept")).unwrap();
        fs::create_dir(root.path().join("tree")).unwrap();
        symlink(&outside, root.path().join("tree/link")).unwrap();
        symlink(&outside, root.path().join("toplink")).unwrap();
        let base = fs::File::open(root.path()).unwrap();
        remove(&base, c"tree").unwrap();
        remove(&base, c"toplink").unwrap();
        remove(&base, c"missing").unwrap();
        assert!(outside.join("kept").is_dir());
        assert!(!root.path().join("tree").exists());
    }
}
