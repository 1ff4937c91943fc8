//! A disk whose power is the process: what was not synced is in its memory alone, so killing the
//! process is a power cut. It can also cut the power by itself, in the middle of a sync.
//!
//! Names are on the real disk at once; what becomes of names that were not synced is left to
//! [`super::MemDisk`].

use std::{collections::HashMap, io, process, sync::Arc};

use parking_lot::Mutex;

use super::{Disk, DiskFile, LockGuard, Rng};

/// Keeps what was not synced back from another disk.
#[derive(Debug)]
pub struct VolatileDisk {
    inner: Arc<dyn Disk>,
    files: Mutex<HashMap<String, Arc<Inode>>>,
    power: Arc<Power>,
}

/// When the power goes off by itself.
#[derive(Debug)]
struct Power {
    dice: Mutex<Rng>,
    /// Once in so many syncs; zero for never.
    one_in: u64,
}

#[derive(Debug)]
struct Inode {
    file: Arc<dyn DiskFile>,
    unsynced: Mutex<Vec<Write>>,
    power: Arc<Power>,
}

#[derive(Debug)]
struct Write {
    offset: u64,
    bytes: Vec<u8>,
}

impl VolatileDisk {
    /// Wraps a disk. Once in `one_in` syncs the process aborts with part of the bytes written;
    /// zero for never.
    #[must_use]
    pub fn new(inner: Arc<dyn Disk>, seed: u64, one_in: u64) -> Self {
        let dice = Mutex::new(Rng(seed));
        Self {
            inner,
            files: Mutex::default(),
            power: Arc::new(Power { dice, one_in }),
        }
    }

    fn known(&self, path: &str) -> Option<Arc<dyn DiskFile>> {
        let file = self.files.lock().get(path).cloned()?;
        Some(file)
    }

    /// Keeps a file as long as it has a name, as a page cache does.
    fn keep(&self, path: &str, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        let inode = Arc::new(Inode {
            file,
            unsynced: Mutex::default(),
            power: Arc::clone(&self.power),
        });
        let known = Arc::clone(&inode);
        self.files.lock().insert(path.to_owned(), known);
        inode
    }
}

impl Disk for VolatileDisk {
    fn lock(&self, path: &str) -> io::Result<Option<LockGuard>> {
        self.inner.lock(path)
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        self.inner.create_dir(path)
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        self.inner.list(path)
    }

    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.open_rw(path)
    }

    fn open_rw(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        match self.known(path) {
            Some(file) => Ok(file),
            None => Ok(self.keep(path, self.inner.open_rw(path)?)),
        }
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.keep(path, self.inner.create(path)?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.inner.rename(from, to)?;
        let mut files = self.files.lock();
        if let Some(file) = files.remove(from) {
            files.insert(to.to_owned(), file);
        }
        Ok(())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.inner.remove(path)?;
        self.files.lock().remove(path);
        Ok(())
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        self.inner.sync_dir(path)
    }
}

impl DiskFile for Inode {
    fn size(&self) -> io::Result<u64> {
        let unsynced = self.unsynced.lock();
        let written = unsynced.iter().map(Write::end).max();
        Ok(self.file.size()?.max(written.unwrap_or(0)))
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let size = self.size()?;
        let unsynced = self.unsynced.lock();
        let there = usize::try_from(size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = buf.len().min(there);
        let buf = &mut buf[..wanted];
        let stored = self.file.read_at(buf, offset)?;
        buf[stored..].fill(0);
        for write in unsynced.iter() {
            write.show(buf, offset);
        }
        Ok(wanted)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let bytes = bytes.to_vec();
        self.unsynced.lock().push(Write { offset, bytes });
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut unsynced = self.unsynced.lock();
        for write in unsynced.iter_mut() {
            let kept = usize::try_from(len.saturating_sub(write.offset));
            write.bytes.truncate(kept.unwrap_or(usize::MAX));
        }
        unsynced.retain(|write| !write.bytes.is_empty());
        self.file.set_len(len)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.file.allocate(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut unsynced = self.unsynced.lock();
        let arriving = self.power.spare(&unsynced);
        for write in unsynced.iter().take(arriving.unwrap_or(usize::MAX)) {
            self.file.write_at(&write.bytes, write.offset)?;
        }
        if let Some(torn) = arriving.and_then(|arriving| unsynced.get(arriving)) {
            let half = self.power.dice.lock().below(torn.bytes.len() as u64 + 1);
            let half = usize::try_from(half).unwrap_or(0);
            self.file.write_at(&torn.bytes[..half], torn.offset)?;
            // SIGABRT ends the process at once, as a power cut would.
            process::abort();
        }
        unsynced.clear();
        self.file.sync_data()
    }

    /// After a sync that failed the pages count as clean: they are gone with the cache.
    fn drop_cache(&self) -> io::Result<()> {
        self.unsynced.lock().clear();
        self.file.drop_cache()
    }
}

impl Power {
    /// How many of the writes arrive before the power goes off, if it does.
    fn spare(&self, writes: &[Write]) -> Option<usize> {
        if self.one_in == 0 || writes.is_empty() {
            return None;
        }
        let mut dice = self.dice.lock();
        let off = dice.one_in(self.one_in);
        off.then(|| usize::try_from(dice.below(writes.len() as u64)).unwrap_or(0))
    }
}

impl Write {
    fn end(&self) -> u64 {
        self.offset + self.bytes.len() as u64
    }

    /// Lays these bytes over a part of the file that begins at `offset`.
    fn show(&self, buf: &mut [u8], offset: u64) {
        let from = self.offset.max(offset);
        let to = self.end().min(offset + buf.len() as u64);
        if from < to {
            let place = |at: u64, base: u64| usize::try_from(at - base).unwrap_or(usize::MAX);
            buf[place(from, offset)..place(to, offset)]
                .copy_from_slice(&self.bytes[place(from, self.offset)..place(to, self.offset)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RealDisk;

    #[test]
    fn what_was_not_synced_is_seen_and_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let real = || Arc::new(RealDisk::new(dir.path()).unwrap());
        let disk = VolatileDisk::new(real(), 1, 0);
        let file = disk.create("new").unwrap();
        file.write_at(b"kept", 0).unwrap();
        file.sync_data().unwrap();
        file.write_at(b"LOST", 2).unwrap();
        disk.rename("new", "file").unwrap();
        let mut seen = [0; 8];
        let other = disk.open("file").unwrap();
        assert_eq!(other.read_at(&mut seen, 0).unwrap(), 6);
        assert_eq!(&seen[..6], b"keLOST");
        assert_eq!(other.read_at(&mut seen, 3).unwrap(), 3);
        assert_eq!(&seen[..3], b"OST");
        file.set_len(3).unwrap();
        assert_eq!(other.size().unwrap(), 3);

        let after = real().open("file").unwrap();
        assert_eq!(after.read_at(&mut seen, 0).unwrap(), 3);
        assert_eq!(&seen[..3], b"kep", "cut, and not written over");
        file.drop_cache().unwrap();
        assert_eq!(other.read_at(&mut seen, 0).unwrap(), 3);
        assert_eq!(&seen[..3], b"kep");
    }
}
