//! Bugs that one turn of the loop may have.
//!
//! A panic is told in the log, and the loop goes on: one container may be at odds with its state then,
//! but without the shim the whole pod would be lost. What set it off may still be there in the next turn,
//! though, and in all turns after that; such a shim does nothing but fill the disk, and is better gone:
//! the server then ends what it left and makes the pod's sandbox anew.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// So many turns in a row may panic.
const MAX_PANICS: u32 = 10;

/// Keeps the loop alive through panics.
#[derive(Default)]
pub(super) struct Guard {
    /// Turns in a row that panicked.
    panics: u32,
}

impl Guard {
    /// Runs one turn.
    ///
    /// # Errors
    /// If this and too many turns before it panicked.
    pub(super) fn survive(&mut self, turn: impl FnOnce()) -> io::Result<()> {
        if catch_unwind(AssertUnwindSafe(turn)).is_ok() {
            self.panics = 0;
            return Ok(());
        }
        self.panics += 1;
        if self.panics < MAX_PANICS {
            return Ok(());
        }
        let text = format!("{MAX_PANICS} panics in a row: the shim is of no use any more");
        Err(io::Error::other(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_now_and_then_is_survived_and_a_row_of_them_is_not() {
        let mut guard = Guard::default();
        for _ in 0..3 {
            for _ in 1..MAX_PANICS {
                guard.survive(|| panic!("a bug")).unwrap();
            }
            guard.survive(|| {}).unwrap();
        }
        for _ in 1..MAX_PANICS {
            guard.survive(|| panic!("a bug")).unwrap();
        }
        assert!(guard.survive(|| panic!("a bug")).is_err());
    }
}
