//! A disk in memory that loses power on demand, and then keeps only what a real one promises.
//!
//! It models a page cache over a platter: reads see the cache, [`DiskFile::sync_data`] and
//! [`Disk::sync_dir`] move changes to the platter. A failed sync behaves as on Linux: pages
//! count as clean although their bytes may be missing on the platter.

mod dir;
mod file;
mod inode;

use std::{
    collections::{BTreeMap, HashMap},
    io,
    sync::{Arc, Weak},
};

use parking_lot::{Mutex, MutexGuard};
use rustix::io::Errno;

use self::{dir::Dir, file::MemFile, inode::Inode};
use super::{Disk, DiskFile, Faults, LockGuard, Op, Rng};

#[derive(Debug)]
struct State {
    inodes: HashMap<u64, Inode>,
    dirs: BTreeMap<String, Dir>,
    next_inode: u64,
    /// Counts restarts: files opened before the last one are dead.
    boot: u64,
    lock: Weak<()>,
    rng: Rng,
    /// Bytes of a removed file, which may turn up again in unwritten blocks.
    stale: Vec<u8>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    faults: Arc<Faults>,
}

/// The disk in memory. Clones are the same disk.
#[derive(Clone, Debug)]
pub struct MemDisk {
    shared: Arc<Shared>,
    /// For a process: dead after the restart that follows this one.
    boot: Option<u64>,
}

impl MemDisk {
    /// An empty disk; the seed decides what survives a power cut.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut root = Dir::default();
        root.durable = true;
        let state = State {
            inodes: HashMap::new(),
            dirs: BTreeMap::from([(String::new(), root)]),
            next_inode: 0,
            boot: 0,
            lock: Weak::new(),
            rng: Rng(seed),
            stale: Vec::new(),
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            faults: Arc::default(),
        });
        Self { shared, boot: None }
    }

    /// The disk as one process has it: dead with the next kill or power cut, as are all threads
    /// that still use it.
    #[must_use]
    pub fn mount(&self) -> Arc<dyn Disk> {
        let boot = Some(self.shared.state.lock().boot);
        let shared = Arc::clone(&self.shared);
        Arc::new(Self { shared, boot })
    }

    /// What is to go wrong.
    #[must_use]
    pub fn faults(&self) -> &Arc<Faults> {
        &self.shared.faults
    }

    /// Kills the process that uses the disk: open files and the lock die, the cache stays.
    pub fn kill(&self) {
        let mut state = self.shared.state.lock();
        state.boot += 1;
        state.lock = Weak::new();
        self.shared.faults.heal();
    }

    /// Cuts the power: like [`MemDisk::kill`], and what was not synced may be lost or torn.
    pub fn power_cut(&self) {
        self.kill();
        let mut state = self.shared.state.lock();
        let state = &mut *state;
        state.dirs.retain(|_, dir| dir.durable);
        for inode in state.inodes.values_mut() {
            inode.lose_power(&mut state.rng, &state.stale);
        }
        for dir in state.dirs.values_mut() {
            dir.lose_power(&mut state.rng);
        }
    }

    /// Flips one bit where it is stored: a failing device.
    ///
    /// # Panics
    /// If there is no such file or byte.
    pub fn flip_bit(&self, path: &str, offset: usize) {
        let mut state = self.shared.state.lock();
        let id = state.find(path).expect("the file to damage exists");
        let inode = state.inodes.get_mut(&id).expect("every name has an inode");
        let (cache, platter) = inode.platter_mut();
        cache[offset] ^= 1;
        platter[offset] ^= 1;
    }

    fn change(&self, bytes: usize, op: Op) -> io::Result<MutexGuard<'_, State>> {
        let state = self.shared.state.lock();
        if self.boot.is_some_and(|boot| boot != state.boot) {
            return Err(Errno::IO.into());
        }
        self.shared.faults.check(op, bytes)?;
        Ok(state)
    }

    fn file(&self, state: &State, inode: u64) -> Arc<dyn DiskFile> {
        Arc::new(MemFile {
            disk: self.clone(),
            inode,
            boot: state.boot,
        })
    }
}

impl State {
    fn dir(&mut self, path: &str) -> io::Result<&mut Dir> {
        self.dirs.get_mut(path).ok_or_else(|| Errno::NOENT.into())
    }

    fn find(&mut self, path: &str) -> io::Result<u64> {
        let (dir, name) = split(path);
        self.dir(dir)?
            .names
            .get(name)
            .copied()
            .ok_or_else(|| Errno::NOENT.into())
    }
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

impl Disk for MemDisk {
    fn lock(&self, _path: &str) -> io::Result<Option<LockGuard>> {
        let mut state = self.change(0, Op::Name)?;
        if state.lock.upgrade().is_some() {
            return Ok(None);
        }
        let guard = Arc::new(());
        state.lock = Arc::downgrade(&guard);
        Ok(Some(Box::new(guard)))
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        self.change(0, Op::Name)?
            .dirs
            .entry(path.to_owned())
            .or_default();
        Ok(())
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        Ok(self
            .change(0, Op::Read)?
            .dir(path)?
            .names
            .keys()
            .cloned()
            .collect())
    }

    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.change(0, Op::Read)?;
        let inode = state.find(path)?;
        Ok(self.file(&state, inode))
    }

    fn open_rw(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.change(0, Op::Name)?;
        let inode = state.find(path)?;
        Ok(self.file(&state, inode))
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.change(0, Op::Name)?;
        if let Ok(inode) = state.find(path) {
            if let Some(bytes) = state.inodes.get_mut(&inode) {
                bytes.set_len(0);
            }
            return Ok(self.file(&state, inode));
        }
        let inode = state.next_inode;
        state.next_inode += 1;
        let (dir, name) = split(path);
        state.dir(dir)?.link(name, inode);
        state.inodes.insert(inode, Inode::default());
        Ok(self.file(&state, inode))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.change(0, Op::Name)?;
        let inode = state.find(from)?;
        let ((dir, from), (_, to)) = (split(from), split(to));
        state.dir(dir)?.rename(from, to, inode);
        Ok(())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let mut state = self.change(0, Op::Name)?;
        let inode = state.find(path)?;
        if let Some(bytes) = state.inodes.get(&inode).map(|inode| inode.bytes().to_vec()) {
            state.stale = bytes;
        }
        let (dir, name) = split(path);
        state.dir(dir)?.unlink(name);
        Ok(())
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        let mut state = self.change(0, Op::Sync)?;
        state.dir(path)?.sync();
        if path.is_empty() {
            state.dirs.values_mut().for_each(|dir| dir.durable = true);
        }
        Ok(())
    }
}
