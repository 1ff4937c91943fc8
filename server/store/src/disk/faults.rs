//! What is to go wrong on a disk, shared between a test and the disk it uses.

use std::{
    fs, io,
    path::PathBuf,
    sync::OnceLock,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use parking_lot::Mutex;
use rustix::io::Errno;

/// A kind of disk operation that can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Read bytes.
    Read,
    /// Write bytes.
    Write,
    /// Make bytes or names durable.
    Sync,
    /// Reserve space.
    Allocate,
    /// Cut or extend a file.
    SetLen,
    /// Make, open for writing, rename or remove a file or directory.
    Name,
}

impl Op {
    /// Everything that changes the disk.
    pub const CHANGES: [Self; 5] = [
        Self::Write,
        Self::Sync,
        Self::Allocate,
        Self::SetLen,
        Self::Name,
    ];
}

/// What a disk was asked to do so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Operations that change the disk, of any kind.
    pub changes: u64,
    /// Syncs of files and directories.
    pub syncs: u64,
    /// Bytes written.
    pub bytes: u64,
}

#[derive(Debug)]
struct Rule {
    ops: Vec<Op>,
    error: Errno,
    times: u64,
}

/// The faults of one disk.
#[derive(Debug, Default)]
pub struct Faults {
    rules: Mutex<Vec<Rule>>,
    /// A file that names the error of every change while it does.
    followed: OnceLock<PathBuf>,
    /// Changes that still work before the power goes off, plus one; zero for never.
    power: AtomicU64,
    changes: AtomicU64,
    syncs: AtomicU64,
    bytes: AtomicU64,
}

impl Faults {
    /// Lets the next `times` operations of these kinds fail.
    pub fn fail(&self, ops: &[Op], error: Errno, times: u64) {
        self.rules.lock().push(Rule {
            ops: ops.to_vec(),
            error,
            times,
        });
    }

    /// Lets every change fail as long as a file holds the name of an error: `ENOSPC`, `EROFS` or
    /// `EIO`. That is how one process breaks the disk of another.
    pub fn follow(&self, file: impl Into<PathBuf>) {
        let _ = self.followed.set(file.into());
    }

    /// Heals the disk.
    pub fn heal(&self) {
        self.rules.lock().clear();
        self.power.store(0, Relaxed);
    }

    /// Lets the disk fail for good after that many further changes, as if the power went off.
    pub fn power_off_after(&self, changes: u64) {
        self.power.store(changes + 1, Relaxed);
    }

    /// What the disk was asked to do so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            changes: self.changes.load(Relaxed),
            syncs: self.syncs.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
        }
    }

    /// Called by a disk before each operation.
    pub(super) fn check(&self, op: Op, bytes: usize) -> io::Result<()> {
        if op != Op::Read {
            self.changes.fetch_add(1, Relaxed);
            self.spend_power()?;
            self.ask_followed()?;
        }
        let mut rules = self.rules.lock();
        if let Some(at) = rules.iter().position(|rule| rule.ops.contains(&op)) {
            let error = rules[at].error;
            rules[at].times = rules[at].times.saturating_sub(1);
            rules.retain(|rule| rule.times > 0);
            return Err(error.into());
        }
        self.bytes.fetch_add(bytes as u64, Relaxed);
        self.syncs.fetch_add(u64::from(op == Op::Sync), Relaxed);
        Ok(())
    }

    fn ask_followed(&self) -> io::Result<()> {
        let text = self.followed.get().map(fs::read_to_string);
        match text.and_then(Result::ok).as_deref().map(str::trim) {
            Some("ENOSPC") => Err(Errno::NOSPC.into()),
            Some("EROFS") => Err(Errno::ROFS.into()),
            Some("EIO") => Err(Errno::IO.into()),
            _ => Ok(()),
        }
    }

    fn spend_power(&self) -> io::Result<()> {
        match self.power.load(Relaxed) {
            0 => Ok(()),
            1 => Err(Errno::IO.into()),
            left => {
                self.power.store(left - 1, Relaxed);
                Ok(())
            }
        }
    }
}

/// A small deterministic generator (SplitMix64): the same seed tears the same bytes everywhere.
#[derive(Clone, Debug)]
pub struct Rng(pub u64);

impl Rng {
    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`, which must not be zero.
    pub fn below(&mut self, n: u64) -> u64 {
        self.bits() % n
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// One of these, which must not be none.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap_or(0)]
    }
}
