//! Turns one layer archive into a directory overlayfs can stack.
//!
//! ```text
//! blob ─► decompress ─► Metered (diff id, size cap, cancel) ─► TarReader ─► Unpacker ─► <dir>/...
//! ```
//!
//! Runs on a blocking thread, as root. The directory is private to this process until the layer is whole,
//! so the only adversary is the archive itself: every parent is resolved by [`ScopedDir`], every last
//! component is created exclusively and never followed. Lower layers are consulted (read only) for two
//! things the archive leaves out: the attributes of parents it does not list, and whether a whiteout has
//! anything to hide.

mod create;
mod meter;
mod parents;
mod path;
mod whiteout;

use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rustix::fs::{Mode, OFlags, Timespec, Timestamps, UTIME_OMIT, futimens};
use rustix::io::Errno;

use super::compress::decompress;
use super::digest::Digest;
use super::error::ImageError;
use super::scoped::ScopedDir;
use super::tarball::{Entry, Kind, TarReader};
use meter::{Metered, read_failed};
use whiteout::Whiteout;

/// What a layer may not exceed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LayerLimits {
    /// Bytes of the uncompressed archive.
    pub(crate) bytes: u64,
    pub(crate) entries: u64,
}

/// What came out of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unpacked {
    /// The digest of the uncompressed archive.
    pub(crate) diff_id: Digest,
    /// Its size in bytes.
    pub(crate) size: u64,
}

/// Unpacks the archive `source` into the empty directory `root`.
///
/// `lowers` are the directories of the layers below, nearest first. Setting `cancel` makes it stop soon
/// with [`ImageError::Cancelled`]. The caller compares the diff id and decides whether the result is used.
pub(crate) fn unpack(
    source: impl Read,
    root: ScopedDir,
    lowers: Vec<PathBuf>,
    limits: LayerLimits,
    cancel: &Arc<AtomicBool>,
) -> Result<Unpacked, ImageError> {
    let plain = decompress(source).map_err(read_failed)?;
    let mut metered = Metered::new(plain, limits.bytes, Arc::clone(cancel));
    let mut unpacker = Unpacker::new(root, lowers, limits.entries)?;
    let mut archive = TarReader::new(&mut metered);
    while let Some(entry) = archive.next_entry().map_err(read_failed)? {
        unpacker.apply(&entry, &mut archive)?;
    }
    archive.drain().map_err(read_failed)?;
    unpacker.finish()?;
    let (diff_id, size) = metered.finish();
    Ok(Unpacked { diff_id, size })
}

struct Unpacker {
    root: ScopedDir,
    lowers: Vec<PathBuf>,
    /// `lowers`, opened when first needed: most layers never look.
    opened: Option<Vec<ScopedDir>>,
    /// Times of directories, set last because creating entries changes them.
    directory_times: Vec<(Vec<u8>, Timespec)>,
    time_memory: usize,
    entries_left: u64,
    max_entries: u64,
    buffer: Box<[u8]>,
}

const COPY_BUFFER: usize = 128 * 1024;
/// Bytes spent on remembering directory times, and what one costs besides its path.
const MAX_TIME_MEMORY: usize = 64 << 20;
const TIME_OVERHEAD: usize = 64;

impl Unpacker {
    fn new(root: ScopedDir, lowers: Vec<PathBuf>, entries: u64) -> Result<Self, ImageError> {
        let unpacker = Self {
            root,
            lowers,
            opened: None,
            directory_times: Vec::new(),
            time_memory: MAX_TIME_MEMORY,
            entries_left: entries,
            max_entries: entries,
            buffer: vec![0; COPY_BUFFER].into(),
        };
        unpacker.inherit_root()?;
        Ok(unpacker)
    }

    fn apply(&mut self, entry: &Entry, data: &mut impl Read) -> Result<(), ImageError> {
        self.count_entry()?;
        let parts = path::split(&entry.path)?;
        let Some((name, parents)) = parts.split_last() else {
            return self.root_entry(entry);
        };
        match Whiteout::from_name(name)? {
            Some(Whiteout::Bookkeeping) => Ok(()),
            Some(Whiteout::Opaque) => self.make_opaque(parents),
            Some(Whiteout::Of(hidden)) => self.make_whiteout(parents, hidden),
            None => self
                .parent(parents)
                .and_then(|parent| self.create(&parent, name, entry, data)),
        }
        .map_err(|error| path::named(error, &entry.path))?;
        if entry.kind == Kind::Directory {
            self.set_time_later(parts.join(&b'/'), timespec(entry.mtime));
        }
        Ok(())
    }

    /// Every created inode counts, also parents the archive does not list.
    fn count_entry(&mut self) -> Result<(), ImageError> {
        match self.entries_left.checked_sub(1) {
            Some(left) => self.entries_left = left,
            None => {
                return Err(ImageError::TooLarge {
                    what: "number of files in a layer".to_owned(),
                    limit: self.max_entries,
                });
            }
        }
        Ok(())
    }

    /// `./`: the attributes of the layer's own root.
    fn root_entry(&mut self, entry: &Entry) -> Result<(), ImageError> {
        if entry.kind != Kind::Directory {
            return Err(ImageError::malformed(
                "layer",
                "its root is not a directory",
            ));
        }
        create::set_attributes(self.root.fd(), entry)
            .map_err(|errno| path::failed(errno, &entry.path))?;
        self.set_time_later(Vec::new(), timespec(entry.mtime));
        Ok(())
    }

    /// Remembers a time for the end. Beyond a limit no honest layer meets, memory is worth more than times.
    fn set_time_later(&mut self, path: Vec<u8>, mtime: Timespec) {
        if let Some(left) = self.time_memory.checked_sub(path.len() + TIME_OVERHEAD) {
            self.time_memory = left;
            self.directory_times.push((path, mtime));
        }
    }

    fn finish(self) -> Result<(), ImageError> {
        for (path, mtime) in &self.directory_times {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
            let Ok(directory) = self.root.open_at(path, flags) else {
                // A later entry of the archive replaced it.
                continue;
            };
            set_mtime(&directory, *mtime).map_err(|errno| path::failed(errno, path))?;
        }
        Ok(())
    }

    fn lowers(&mut self) -> Result<&[ScopedDir], ImageError> {
        let opened = match self.opened.take() {
            Some(opened) => opened,
            None => open_all(&self.lowers)?,
        };
        Ok(self.opened.insert(opened))
    }
}

fn open_all(paths: &[PathBuf]) -> Result<Vec<ScopedDir>, ImageError> {
    let open = |path: &PathBuf| {
        ScopedDir::open(path)
            .map_err(|error| ImageError::storage(format!("open layer `{}`", path.display()), error))
    };
    paths.iter().map(open).collect()
}

fn timespec((seconds, nanos): (i64, u32)) -> Timespec {
    Timespec {
        tv_sec: seconds,
        tv_nsec: nanos.into(),
    }
}

fn times(mtime: Timespec) -> Timestamps {
    Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: mtime,
    }
}

fn set_mtime(fd: impl AsFd, mtime: Timespec) -> Result<(), Errno> {
    futimens(fd, &times(mtime))
}

/// Opens a directory found by name, for operations `O_PATH` does not allow.
fn reopen(directory: &OwnedFd) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(directory, ".", flags, Mode::empty())
}

#[cfg(test)]
mod tests;
