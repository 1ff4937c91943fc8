//! Deletions: how a layer says that something below it is gone.
//!
//! The archive says it by name (`.wh.x`, `.wh..wh..opq`), overlayfs by a character device 0:0 and by the
//! attribute `trusted.overlay.opaque` on a directory. Both only ever hide what is below this layer.

use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, XattrFlags, fsetxattr, makedev, mknodat};
use rustix::fs::{openat, statat};
use rustix::io::Errno;

use super::super::error::ImageError;
use super::path::{EntryError, malformed};
use super::{Unpacker, reopen};

const PREFIX: &[u8] = b".wh.";
const OPAQUE_MARK: &[u8] = b".wh..opq";
const OPAQUE_XATTR: &str = "trusted.overlay.opaque";

/// What a name starting with `.wh.` means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Whiteout<'a> {
    /// The named sibling is gone.
    Of(&'a [u8]),
    /// Everything below in this directory is gone.
    Opaque,
    /// Left behind by aufs; means nothing.
    Bookkeeping,
}

impl<'a> Whiteout<'a> {
    pub(super) fn from_name(name: &'a [u8]) -> Result<Option<Self>, ImageError> {
        Ok(Some(match name.strip_prefix(PREFIX) {
            None => return Ok(None),
            Some(OPAQUE_MARK) => Self::Opaque,
            Some(rest) if rest.starts_with(PREFIX) => Self::Bookkeeping,
            Some(b"" | b"." | b"..") => return Err(malformed(name, "hides nothing")),
            Some(hidden) => Self::Of(hidden),
        }))
    }
}

impl Unpacker {
    pub(super) fn make_opaque(&mut self, parents: &[&[u8]]) -> Result<(), EntryError> {
        let parent = self.parent(parents)?;
        Ok(set_opaque(&reopen(&parent)?)?)
    }

    /// Hides `name`, unless nothing below has it: a stray device would show in directories overlayfs does
    /// not merge.
    pub(super) fn make_whiteout(
        &mut self,
        parents: &[&[u8]],
        name: &[u8],
    ) -> Result<(), EntryError> {
        let path = [parents, &[name]].concat().join(&b'/');
        if !self.exists_below(&path)? {
            return Ok(());
        }
        let parent = self.parent(parents)?;
        let device = (FileType::CharacterDevice, makedev(0, 0));
        match mknodat(&parent, name, device.0, Mode::empty(), device.1) {
            Err(Errno::EXIST) => Ok(hide_below_existing(&parent, name)?),
            other => Ok(other?),
        }
    }
}

/// This layer already has `name`. A file hides what is below anyway; a directory must not merge with it.
fn hide_below_existing(parent: &OwnedFd, name: &[u8]) -> Result<(), Errno> {
    let stat = statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
    if !FileType::from_raw_mode(stat.st_mode).is_dir() {
        return Ok(());
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    set_opaque(&openat(parent, name, flags, Mode::empty())?)
}

pub(super) fn set_opaque(directory: &OwnedFd) -> Result<(), Errno> {
    fsetxattr(directory, OPAQUE_XATTR, b"y", XattrFlags::empty())
}

pub(super) fn is_whiteout(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode).is_char_device() && stat.st_rdev == 0
}
