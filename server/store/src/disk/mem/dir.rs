//! The names in one directory, as the cache shows them and as the platter has them.

use std::collections::BTreeMap;

use crate::disk::Rng;

#[derive(Debug)]
enum Dirty {
    Link {
        name: String,
        inode: u64,
    },
    Rename {
        from: String,
        to: String,
        inode: u64,
    },
    Unlink {
        name: String,
    },
}

#[derive(Debug, Default)]
pub(super) struct Dir {
    pub(super) names: BTreeMap<String, u64>,
    platter: BTreeMap<String, u64>,
    dirty: Vec<Dirty>,
    /// Whether the parent directory was synced since this one was made.
    pub(super) durable: bool,
}

impl Dir {
    pub(super) fn link(&mut self, name: &str, inode: u64) {
        self.change(Dirty::Link {
            name: name.to_owned(),
            inode,
        });
    }

    pub(super) fn rename(&mut self, from: &str, to: &str, inode: u64) {
        self.change(Dirty::Rename {
            from: from.to_owned(),
            to: to.to_owned(),
            inode,
        });
    }

    pub(super) fn unlink(&mut self, name: &str) {
        self.change(Dirty::Unlink {
            name: name.to_owned(),
        });
    }

    fn change(&mut self, change: Dirty) {
        apply(&mut self.names, &change);
        self.dirty.push(change);
    }

    pub(super) fn sync(&mut self) {
        for change in self.dirty.drain(..) {
            apply(&mut self.platter, &change);
        }
    }

    /// Loses power: of the changes since the last sync a prefix survives (a journalling file
    /// system) or any subset (others).
    pub(super) fn lose_power(&mut self, rng: &mut Rng) {
        let any_subset = rng.one_in(2);
        let prefix = rng.below(self.dirty.len() as u64 + 1);
        for (at, change) in (0..).zip(std::mem::take(&mut self.dirty)) {
            if if any_subset {
                rng.one_in(2)
            } else {
                at < prefix
            } {
                apply(&mut self.platter, &change);
            }
        }
        self.names.clone_from(&self.platter);
    }
}

fn apply(names: &mut BTreeMap<String, u64>, change: &Dirty) {
    match change {
        Dirty::Link { name, inode } => {
            names.insert(name.clone(), *inode);
        }
        Dirty::Rename { from, to, inode } => {
            names.remove(from);
            names.insert(to.clone(), *inode);
        }
        Dirty::Unlink { name } => {
            names.remove(name);
        }
    }
}
