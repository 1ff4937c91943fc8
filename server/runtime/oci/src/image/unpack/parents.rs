//! Parent directories: finding them, and making those the archive leaves out.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    FileType, Gid, Mode, OFlags, Stat, Timespec, Uid, fchmod, fchown, fstat, mkdirat, openat,
    readlinkat,
};
use rustix::io::Errno;

use super::super::error::ImageError;
use super::super::scoped::ScopedDir;
use super::Unpacker;
use super::path::{EntryError, failed};

const PATH_ONLY: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const MAX_LINKS: u32 = 40;
const DEFAULT_MODE: Mode = Mode::from_raw_mode(0o755);

impl Unpacker {
    /// Opens the directory `parents` within the layer, making what is missing.
    pub(super) fn parent(&mut self, parents: &[&[u8]]) -> Result<OwnedFd, EntryError> {
        match self.find_parent(parents) {
            Err(Errno::NOENT) => self.make_parents(parents),
            found => Ok(found?),
        }
    }

    fn find_parent(&self, parents: &[&[u8]]) -> Result<OwnedFd, Errno> {
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        self.root
            .open_at(&parents.join(&b'/'), flags)
            .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::INVAL))
    }

    /// Walks one component at a time and never lets the kernel follow a link, so that a link to a place
    /// only a lower layer has can be followed to where it will be once the layers are stacked.
    fn make_parents(&mut self, parents: &[&[u8]]) -> Result<OwnedFd, EntryError> {
        let mut pending: Vec<Vec<u8>> = parents.iter().rev().map(|part| part.to_vec()).collect();
        let mut walked: Vec<(Vec<u8>, OwnedFd)> = Vec::new();
        let mut links_left = MAX_LINKS;
        while let Some(part) = pending.pop() {
            let here = walked.last().map_or(self.root.fd(), |(_, fd)| fd.as_fd());
            match look(here, &part)? {
                Step::Stay => {}
                Step::Up => drop(walked.pop()),
                Step::Down(found) => walked.push((part, found)),
                Step::Missing => {
                    let made = make_directory(here, &part)?;
                    walked.push((part, made));
                    self.adopt(&walked)?;
                }
                Step::Link(target) => {
                    links_left = links_left.checked_sub(1).ok_or(Errno::LOOP)?;
                    if target.starts_with(b"/") {
                        walked.clear();
                    }
                    pending.extend(target.rsplit(|b| *b == b'/').map(<[u8]>::to_vec));
                }
            }
        }
        match walked.pop() {
            Some((_, fd)) => Ok(fd),
            None => Ok(self.find_parent(&[])?),
        }
    }

    /// Gives a directory the archive did not list the attributes it has in the layers below.
    fn adopt(&mut self, walked: &[(Vec<u8>, OwnedFd)]) -> Result<(), EntryError> {
        self.count_entry()?;
        let names: Vec<&[u8]> = walked.iter().map(|(name, _)| name.as_slice()).collect();
        let path = names.join(&b'/');
        let Some((_, made)) = walked.last() else {
            return Ok(());
        };
        let made = super::reopen(made)?;
        let Some(below) = self.directory_below(&path)? else {
            fchmod(&made, DEFAULT_MODE)?;
            return Ok(());
        };
        copy_owner_and_mode(&below, made.as_fd())?;
        let mtime = Timespec {
            tv_sec: below.st_mtime,
            tv_nsec: below.st_mtime_nsec.cast_signed(),
        };
        self.set_time_later(path, mtime);
        Ok(())
    }

    /// The directory that shows at `path` in the layers below, if a directory shows there.
    fn directory_below(&mut self, path: &[u8]) -> Result<Option<Stat>, ImageError> {
        for lower in self.lowers()? {
            match stat_in(lower, path, OFlags::PATH) {
                Ok(stat) if FileType::from_raw_mode(stat.st_mode).is_dir() => {
                    return Ok(Some(stat));
                }
                Err(Errno::NOENT) => {}
                // A file or a whiteout hides what lies deeper.
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Whether any layer below has something at `path`.
    pub(super) fn exists_below(&mut self, path: &[u8]) -> Result<bool, ImageError> {
        let lowers = self.lowers()?;
        Ok(lowers
            .iter()
            .any(|lower| stat_in(lower, path, PATH_ONLY).is_ok()))
    }

    /// A layer that does not list its root keeps the one below it.
    pub(super) fn inherit_root(&self) -> Result<(), ImageError> {
        let Some(lower) = self.lowers.first() else {
            return fchmod(self.root.fd(), DEFAULT_MODE).map_err(|errno| failed(errno, b"/"));
        };
        let below = rustix::fs::stat(lower).map_err(|errno| failed(errno, b"/"))?;
        copy_owner_and_mode(&below, self.root.fd()).map_err(|errno| failed(errno, b"/"))
    }
}

/// Where one component of a path leads.
enum Step {
    Stay,
    Up,
    Down(OwnedFd),
    Missing,
    Link(Vec<u8>),
}

fn look(here: BorrowedFd<'_>, part: &[u8]) -> Result<Step, Errno> {
    match part {
        b"" | b"." => return Ok(Step::Stay),
        b".." => return Ok(Step::Up),
        _ => {}
    }
    let found = match openat(here, part, PATH_ONLY, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(Step::Missing),
        found => found?,
    };
    match FileType::from_raw_mode(fstat(&found)?.st_mode) {
        FileType::Directory => Ok(Step::Down(found)),
        FileType::Symlink => Ok(Step::Link(
            readlinkat(&found, c"", Vec::new())?.into_bytes(),
        )),
        _ => Err(Errno::NOTDIR),
    }
}

fn make_directory(here: BorrowedFd<'_>, name: &[u8]) -> Result<OwnedFd, Errno> {
    mkdirat(here, name, Mode::RWXU)?;
    openat(here, name, PATH_ONLY, Mode::empty())
}

fn stat_in(lower: &ScopedDir, path: &[u8], flags: OFlags) -> Result<Stat, Errno> {
    let found = lower
        .open_at(path, flags)
        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::INVAL))?;
    fstat(found)
}

fn copy_owner_and_mode(from: &Stat, to: BorrowedFd<'_>) -> Result<(), Errno> {
    let owner = (Uid::from_raw(from.st_uid), Gid::from_raw(from.st_gid));
    fchown(to, Some(owner.0), Some(owner.1))?;
    fchmod(to, Mode::from_raw_mode(from.st_mode & 0o7777))
}
