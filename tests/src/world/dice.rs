//! Randomness that can be had again.

use std::{env, time::SystemTime};

/// Names the seed to use instead of a new one.
const VARIABLE: &str = "LIFEPOD_TEST_SEED";

/// A stream of numbers (SplitMix64).
#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    /// With the seed of the environment, else a new one; tells which, for a failing test.
    #[must_use]
    pub fn new() -> Self {
        let given = env::var(VARIABLE).ok().and_then(|seed| seed.parse().ok());
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let seed = given.unwrap_or(now.as_nanos() as u64);
        eprintln!("{VARIABLE}={seed}");
        Self(seed)
    }

    /// With a seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// Another stream, decided by this one.
    #[must_use]
    pub fn split(&mut self) -> Self {
        Self(self.below(u64::MAX))
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
}

impl Default for Dice {
    fn default() -> Self {
        Self::new()
    }
}
