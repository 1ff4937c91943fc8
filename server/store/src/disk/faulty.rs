//! Another disk that fails on demand: a real directory whose device has a bad day.

use std::{io, sync::Arc};

use super::{Disk, DiskFile, Faults, LockGuard, Op};

/// Passes everything to another disk unless its [`Faults`] say no.
#[derive(Debug)]
pub struct FaultyDisk {
    inner: Arc<dyn Disk>,
    faults: Arc<Faults>,
}

impl FaultyDisk {
    /// Wraps a disk.
    #[must_use]
    pub fn new(inner: Arc<dyn Disk>, faults: Arc<Faults>) -> Self {
        Self { inner, faults }
    }

    fn file(&self, inner: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        Arc::new(FaultyFile {
            inner,
            faults: Arc::clone(&self.faults),
        })
    }
}

impl Disk for FaultyDisk {
    fn lock(&self, path: &str) -> io::Result<Option<LockGuard>> {
        self.inner.lock(path)
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        self.faults.check(Op::Name, 0)?;
        self.inner.create_dir(path)
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        self.faults.check(Op::Read, 0)?;
        self.inner.list(path)
    }

    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.faults.check(Op::Read, 0)?;
        Ok(self.file(self.inner.open(path)?))
    }

    fn open_rw(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.faults.check(Op::Name, 0)?;
        Ok(self.file(self.inner.open_rw(path)?))
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.faults.check(Op::Name, 0)?;
        Ok(self.file(self.inner.create(path)?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.faults.check(Op::Name, 0)?;
        self.inner.rename(from, to)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.faults.check(Op::Name, 0)?;
        self.inner.remove(path)
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        self.faults.check(Op::Sync, 0)?;
        self.inner.sync_dir(path)
    }
}

#[derive(Debug)]
struct FaultyFile {
    inner: Arc<dyn DiskFile>,
    faults: Arc<Faults>,
}

impl DiskFile for FaultyFile {
    fn size(&self) -> io::Result<u64> {
        self.inner.size()
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.faults.check(Op::Read, 0)?;
        self.inner.read_at(buf, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if let Err(e) = self.faults.check(Op::Write, bytes.len()) {
            // A write that fails may have got half-way.
            self.inner.write_at(&bytes[..bytes.len() / 2], offset)?;
            return Err(e);
        }
        self.inner.write_at(bytes, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.faults.check(Op::SetLen, 0)?;
        self.inner.set_len(len)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.faults.check(Op::Allocate, 0)?;
        self.inner.allocate(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.faults.check(Op::Sync, 0)?;
        self.inner.sync_data()
    }

    fn drop_cache(&self) -> io::Result<()> {
        self.inner.drop_cache()
    }
}
