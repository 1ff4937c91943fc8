//! The bytes of one file, as the cache shows them and as the platter has them.

use crate::disk::Rng;

/// The unit a device writes whole or not at all.
const SECTOR: usize = 512;

#[derive(Debug)]
enum Dirty {
    Write { offset: usize, bytes: Vec<u8> },
    Len(usize),
}

/// How badly un-synced changes are treated by a power cut.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Lost,
    Kept,
    /// Each change by its own, torn at a byte.
    Torn,
    /// Each sector by its own, in no order.
    Sectors,
}

#[derive(Debug, Default)]
pub(super) struct Inode {
    cache: Vec<u8>,
    platter: Vec<u8>,
    dirty: Vec<Dirty>,
}

impl Inode {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.cache
    }

    /// Bytes on the platter, to damage them.
    pub(super) fn platter_mut(&mut self) -> (&mut Vec<u8>, &mut Vec<u8>) {
        (&mut self.cache, &mut self.platter)
    }

    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) {
        put(&mut self.cache, offset, bytes);
        self.dirty.push(Dirty::Write {
            offset,
            bytes: bytes.to_vec(),
        });
    }

    pub(super) fn set_len(&mut self, len: usize) {
        self.cache.resize(len, 0);
        self.dirty.push(Dirty::Len(len));
    }

    pub(super) fn sync(&mut self) {
        for change in self.dirty.drain(..) {
            match change {
                Dirty::Write { offset, bytes } => put(&mut self.platter, offset, &bytes),
                Dirty::Len(len) => self.platter.resize(len, 0),
            }
        }
    }

    /// What Linux does when a write-back fails: some bytes arrive, all pages count as clean, so
    /// that the next sync succeeds without writing them.
    pub(super) fn fail_sync(&mut self, rng: &mut Rng) {
        self.reach_platter(rng, &[]);
    }

    /// Reads clean pages from the platter again; dirty ones stay.
    pub(super) fn drop_cache(&mut self) {
        self.cache.clone_from(&self.platter);
        for change in &self.dirty {
            match change {
                Dirty::Write { offset, bytes } => put(&mut self.cache, *offset, bytes),
                Dirty::Len(len) => self.cache.resize(*len, 0),
            }
        }
    }

    /// Loses power: what was not synced is kept, lost or torn. `stale` is what a careless file
    /// system shows in blocks that were allocated and never written.
    pub(super) fn lose_power(&mut self, rng: &mut Rng, stale: &[u8]) {
        self.reach_platter(rng, stale);
        self.cache.clone_from(&self.platter);
    }

    fn reach_platter(&mut self, rng: &mut Rng, stale: &[u8]) {
        let fate = match rng.below(5) {
            0 => Fate::Lost,
            1 => Fate::Kept,
            2 => Fate::Torn,
            _ => Fate::Sectors,
        };
        for change in std::mem::take(&mut self.dirty) {
            match change {
                Dirty::Len(len) => {
                    if keeps(fate, rng) {
                        self.platter.resize(len, 0);
                    }
                }
                Dirty::Write { offset, bytes } => self.write_torn(offset, &bytes, fate, rng, stale),
            }
        }
    }

    fn write_torn(&mut self, offset: usize, bytes: &[u8], fate: Fate, rng: &mut Rng, stale: &[u8]) {
        match fate {
            Fate::Lost => {}
            Fate::Kept => put(&mut self.platter, offset, bytes),
            Fate::Torn => {
                let kept = usize::try_from(rng.below(bytes.len() as u64 + 1)).unwrap_or(0);
                put(&mut self.platter, offset, &bytes[..kept]);
            }
            Fate::Sectors => {
                let mut at = 0;
                while at < bytes.len() {
                    let next = bytes.len().min(at + SECTOR - (offset + at) % SECTOR);
                    let piece = &bytes[at..next];
                    if rng.one_in(2) {
                        put(&mut self.platter, offset + at, piece);
                    } else if !stale.is_empty() && rng.one_in(4) {
                        let old: Vec<u8> = stale
                            .iter()
                            .copied()
                            .cycle()
                            .skip(at)
                            .take(piece.len())
                            .collect();
                        put(&mut self.platter, offset + at, &old);
                    }
                    at = next;
                }
            }
        }
    }
}

fn keeps(fate: Fate, rng: &mut Rng) -> bool {
    match fate {
        Fate::Lost => false,
        Fate::Kept => true,
        Fate::Torn | Fate::Sectors => rng.one_in(2),
    }
}

fn put(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    let end = offset + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[offset..end].copy_from_slice(bytes);
}
