//! Creates one entry in its parent directory.
//!
//! The last entry of a name wins, as with every tar: what is in the way is removed, except that a directory
//! keeps its content when it is listed again.

use std::ffi::CString;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, Uid, XattrFlags, chmodat, chownat, fchmod, fchown,
    fsetxattr, linkat, makedev, mkdirat, mknodat, openat, statat, symlinkat, utimensat,
};
use rustix::io::Errno;

use super::super::error::ImageError;
use super::super::tarball::{Entry, Kind};
use super::super::tree;
use super::meter::read_failed;
use super::path::{self, EntryError};
use super::whiteout::{is_whiteout, set_opaque};
use super::{Unpacker, set_mtime, times, timespec};

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);
const NEW_FILE: OFlags = OFlags::WRONLY
    .union(OFlags::CREATE)
    .union(OFlags::EXCL)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

impl Unpacker {
    pub(super) fn create(
        &mut self,
        parent: &OwnedFd,
        name: &[u8],
        entry: &Entry,
        data: &mut impl Read,
    ) -> Result<(), EntryError> {
        match entry.kind {
            Kind::Directory => Ok(create_directory(parent, name, entry)?),
            Kind::File => self.create_file(parent, name, entry, data),
            Kind::Symlink => {
                replacing(parent, name, || {
                    symlinkat(entry.link.as_slice(), parent, name)
                })?;
                Ok(set_node_owner(parent, name, entry)?)
            }
            Kind::HardLink => self.create_hard_link(parent, name, entry),
            Kind::CharDevice => Ok(create_node(parent, name, entry, FileType::CharacterDevice)?),
            Kind::BlockDevice => Ok(create_node(parent, name, entry, FileType::BlockDevice)?),
            Kind::Fifo => Ok(create_node(parent, name, entry, FileType::Fifo)?),
        }
    }

    fn create_file(
        &mut self,
        parent: &OwnedFd,
        name: &[u8],
        entry: &Entry,
        data: &mut impl Read,
    ) -> Result<(), EntryError> {
        let create = || openat(parent, name, NEW_FILE, Mode::RUSR | Mode::WUSR);
        let mut file = std::fs::File::from(replacing(parent, name, create)?);
        loop {
            let got = data.read(&mut self.buffer).map_err(read_failed)?;
            if got == 0 {
                break;
            }
            file.write_all(&self.buffer[..got])
                .map_err(|error| ImageError::storage("write layer", error))?;
        }
        set_attributes(file.as_fd(), entry)?;
        Ok(set_mtime(&file, timespec(entry.mtime))?)
    }

    fn create_hard_link(
        &mut self,
        parent: &OwnedFd,
        name: &[u8],
        entry: &Entry,
    ) -> Result<(), EntryError> {
        let target = path::split(&entry.link)?;
        let Some((target_name, target_parents)) = target.split_last() else {
            return Err(EntryError::Malformed("links to the root"));
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        let target_parent = self
            .root
            .open_at(&target_parents.join(&b'/'), flags)
            .map_err(|_| EntryError::Malformed("links to a file that is not in the layer"))?;
        let link = || linkat(&target_parent, *target_name, parent, name, AtFlags::empty());
        match link() {
            Err(Errno::EXIST) if same_file(&target_parent, target_name, parent, name)? => Ok(()),
            Err(Errno::EXIST) => Ok(replacing(parent, name, link)?),
            Err(Errno::NOENT) => Err(EntryError::Malformed(
                "links to a file that is not in the layer",
            )),
            Err(Errno::PERM) => Err(EntryError::Malformed("links to a directory")),
            other => Ok(other?),
        }
    }
}

fn create_directory(parent: &OwnedFd, name: &[u8], entry: &Entry) -> Result<(), Errno> {
    let mut replaced_whiteout = false;
    let create = || mkdirat(parent, name, Mode::RWXU);
    if let Err(errno) = create() {
        let in_the_way = statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
        if errno != Errno::EXIST {
            return Err(errno);
        }
        if !FileType::from_raw_mode(in_the_way.st_mode).is_dir() {
            replaced_whiteout = is_whiteout(&in_the_way);
            replacing(parent, name, create)?;
        }
    }
    let directory = openat(parent, name, DIRECTORY, Mode::empty())?;
    set_attributes(directory.as_fd(), entry)?;
    if replaced_whiteout {
        // The archive deleted the old directory first, so the new one must not merge with it.
        set_opaque(&directory)?;
    }
    Ok(())
}

fn create_node(
    parent: &OwnedFd,
    name: &[u8],
    entry: &Entry,
    file_type: FileType,
) -> Result<(), Errno> {
    let device = match file_type {
        FileType::Fifo => 0,
        _ => makedev(entry.device.0, entry.device.1),
    };
    let mode = Mode::from_raw_mode(entry.mode);
    replacing(parent, name, || {
        mknodat(parent, name, file_type, mode, device)
    })?;
    set_node_owner(parent, name, entry)?;
    // Not a link: it was created one line above, in a directory nobody else writes to.
    chmodat(parent, name, mode, AtFlags::empty())
}

/// Runs an exclusive creation; if something is in the way, removes it and tries once more.
fn replacing<T>(
    parent: &OwnedFd,
    name: &[u8],
    create: impl Fn() -> Result<T, Errno>,
) -> Result<T, Errno> {
    match create() {
        Err(Errno::EXIST) => {
            let name = CString::new(name).map_err(|_| Errno::INVAL)?;
            tree::remove(parent, &name)
                .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
            create()
        }
        other => other,
    }
}

fn same_file(a_parent: &OwnedFd, a: &[u8], b_parent: &OwnedFd, b: &[u8]) -> Result<bool, Errno> {
    let a = statat(a_parent, a, AtFlags::SYMLINK_NOFOLLOW)?;
    let b = statat(b_parent, b, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok((a.st_dev, a.st_ino) == (b.st_dev, b.st_ino))
}

/// Owner and times of what cannot be opened: links, devices, fifos.
fn set_node_owner(parent: &OwnedFd, name: &[u8], entry: &Entry) -> Result<(), Errno> {
    let (uid, gid) = (Uid::from_raw(entry.uid), Gid::from_raw(entry.gid));
    chownat(
        parent,
        name,
        Some(uid),
        Some(gid),
        AtFlags::SYMLINK_NOFOLLOW,
    )?;
    let times = times(timespec(entry.mtime));
    utimensat(parent, name, &times, AtFlags::SYMLINK_NOFOLLOW)
}

/// Owner, then mode (chown drops setuid), then capabilities (chown drops those too).
pub(super) fn set_attributes(fd: BorrowedFd<'_>, entry: &Entry) -> Result<(), Errno> {
    let (uid, gid) = (Uid::from_raw(entry.uid), Gid::from_raw(entry.gid));
    fchown(fd, Some(uid), Some(gid))?;
    fchmod(fd, Mode::from_raw_mode(entry.mode))?;
    for (name, value) in &entry.xattrs {
        if !allowed_xattr(name) {
            continue;
        }
        match fsetxattr(fd, name.as_slice(), value, XattrFlags::empty()) {
            // Not every file system has every kind; the image runs without, as elsewhere.
            Ok(()) | Err(Errno::OPNOTSUPP) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Attributes a layer may carry. Those of overlayfs and of security modules are this machine's business.
fn allowed_xattr(name: &[u8]) -> bool {
    let users_own = name.starts_with(b"user.") && !name.starts_with(b"user.overlay.");
    users_own
        || name == b"security.capability"
        || name == b"system.posix_acl_access"
        || name == b"system.posix_acl_default"
}
