//! An open file of the disk in memory.

use std::io;

use rustix::io::Errno;

use super::{MemDisk, inode::Inode};
use crate::disk::{DiskFile, Op, Rng};

#[derive(Debug)]
pub(super) struct MemFile {
    pub(super) disk: MemDisk,
    pub(super) inode: u64,
    /// Dead after the restart that follows this one.
    pub(super) boot: u64,
}

impl MemFile {
    fn with<T>(&self, action: impl FnOnce(&mut Inode, &mut Rng) -> T) -> io::Result<T> {
        let mut state = self.disk.shared.state.lock();
        let state = &mut *state;
        if state.boot != self.boot {
            return Err(Errno::IO.into());
        }
        let inode = state.inodes.get_mut(&self.inode).ok_or(Errno::IO)?;
        Ok(action(inode, &mut state.rng))
    }

    fn check(&self, op: Op, bytes: usize) -> io::Result<()> {
        self.disk.shared.faults.check(op, bytes)
    }
}

impl DiskFile for MemFile {
    fn size(&self) -> io::Result<u64> {
        self.with(|inode, _| inode.bytes().len() as u64)
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.check(Op::Read, 0)?;
        self.with(|inode, _| {
            let from = inode.bytes().len().min(index(offset));
            let n = buf.len().min(inode.bytes().len() - from);
            buf[..n].copy_from_slice(&inode.bytes()[from..from + n]);
            n
        })
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if let Err(e) = self.check(Op::Write, bytes.len()) {
            // A write that fails may have got some way, never all of it.
            self.with(|inode, rng| {
                let done = index(rng.below(bytes.len() as u64));
                inode.write(index(offset), &bytes[..done]);
            })?;
            return Err(e);
        }
        self.with(|inode, _| inode.write(index(offset), bytes))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check(Op::SetLen, 0)?;
        self.with(|inode, _| inode.set_len(index(len)))
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.check(Op::Allocate, 0)?;
        self.with(|inode, _| {
            if inode.bytes().len() < index(len) {
                inode.set_len(index(len));
            }
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        if let Err(e) = self.check(Op::Sync, 0) {
            self.with(Inode::fail_sync)?;
            return Err(e);
        }
        self.with(|inode, _| inode.sync())
    }

    fn drop_cache(&self) -> io::Result<()> {
        self.with(|inode, _| inode.drop_cache())
    }
}

fn index(n: u64) -> usize {
    usize::try_from(n).expect("files in memory fit memory")
}
