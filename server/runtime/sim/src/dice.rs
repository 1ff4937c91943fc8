//! Everything that looks random: a hash of the seed and of what it is for, never a sequence, so
//! that no roll depends on what was rolled before.

use sha2::{Digest as _, Sha256};

/// A hash of some words, in hex: ids that look like a real runtime's.
pub(crate) fn id(words: &[&str]) -> String {
    hex::encode(hash(words))
}

fn hash(words: &[&str]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for word in words {
        hasher.update(word);
        hasher.update([0]);
    }
    hasher.finalize().into()
}

/// The dice of one subject.
pub(crate) struct Dice<'a> {
    pub(crate) seed: u64,
    pub(crate) subject: &'a [&'a str],
}

impl Dice<'_> {
    /// A number from 0 to `most`, always the same for the same `what`.
    pub(crate) fn roll(&self, what: &str, most: u64) -> u64 {
        if most == 0 {
            return 0;
        }
        let seed = self.seed.to_string();
        let mut words = vec![seed.as_str(), what];
        words.extend(self.subject);
        let [a, b, c, d, e, f, g, h, ..] = hash(&words);
        let number = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        most.checked_add(1).map_or(number, |range| number % range)
    }
}
