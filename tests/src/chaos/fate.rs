//! How a server ends.

use crate::world::Dice;
use rustix::process::Signal;
use std::{
    fs, os::unix::process::ExitStatusExt as _, path::Path, process::ExitStatus, time::Duration,
};
use tokio::time::sleep;

const POLL: Duration = Duration::from_millis(2);

/// What becomes of one server.
#[derive(Debug, Clone)]
pub(super) struct Fate {
    pub(super) death: Death,
    /// It is killed after this long if it has not died before.
    life: Duration,
    /// Its disk fails for a while with this error.
    illness: Option<(&'static str, Duration, Duration)>,
    seed: u64,
}

/// What ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Death {
    /// A signal, at any moment.
    Signal,
    /// Right before or right after a commit is made.
    InCommit { before: bool, nth: u64 },
    /// The power goes off in the middle of a sync.
    TornSync { one_in: u64 },
}

impl Fate {
    pub(super) fn draw(dice: &mut Dice) -> Self {
        let death = match dice.below(3) {
            0 => Death::Signal,
            1 => Death::InCommit {
                before: dice.one_in(2),
                nth: 1 + dice.below(25),
            },
            _ => Death::TornSync {
                one_in: 2 + dice.below(15),
            },
        };
        let errors = ["ENOSPC", "EROFS", "EIO"];
        let illness = dice.one_in(3).then(|| {
            let error = errors[usize::try_from(dice.below(3)).unwrap_or(0)];
            (error, dice.millis(5, 100), dice.millis(20, 200))
        });
        // Time enough to die by itself, if it is to.
        let life = match death {
            Death::Signal => dice.millis(20, 400),
            Death::InCommit { .. } | Death::TornSync { .. } => dice.millis(3000, 5000),
        };
        Self {
            death,
            life,
            illness,
            seed: dice.below(u64::MAX),
        }
    }

    /// What makes it come true, for the server's environment.
    pub(super) fn variables(&self, errors: &Path) -> Vec<(&'static str, String)> {
        let tear = match self.death {
            Death::TornSync { one_in } => one_in,
            Death::Signal | Death::InCommit { .. } => 0,
        };
        let seed = self.seed;
        let faults = format!("seed={seed} tear={tear} errors={}", errors.display());
        let mut variables = vec![("LIFEPOD_STORE_FAULTS", faults)];
        if let Death::InCommit { before, nth } = self.death {
            let point = if before {
                "before-commit"
            } else {
                "after-commit"
            };
            variables.push(("LIFEPOD_FAILPOINT", format!("{point}:{nth}")));
        }
        variables
    }

    /// Whether a server that ended by itself ended as it was to: every fault that is put into it
    /// ends it with SIGABRT, and no other end is one.
    pub(super) fn explains(&self, end: ExitStatus) -> bool {
        self.death != Death::Signal && end.signal() == Some(Signal::ABORT.as_raw())
    }

    /// Lets the disk fail for a while, if that is to be.
    pub(super) async fn make_ill(&self, errors: &Path) {
        if let Some((error, after, during)) = self.illness {
            sleep(after).await;
            // A disk that cannot be made to fail fails nothing that is checked.
            let _ = fs::write(errors, error);
            sleep(during).await;
            let _ = fs::remove_file(errors);
        }
    }

    /// Completes when the server has died or is to be killed.
    pub(super) async fn come(&self, server: u32, ill: impl Future<Output = ()>) {
        let died = async {
            while !is_dead(server) {
                sleep(POLL).await;
            }
        };
        let illness_and_life = async { tokio::join!(ill, sleep(self.life)) };
        tokio::select! {
            () = died => {}
            _ = illness_and_life => {}
        }
    }
}

/// Whether a process has ended and waits to be buried.
fn is_dead(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit_once(") ")
        .map(|(_, rest)| rest.starts_with(['Z', 'X']));
    state.unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_fault_that_was_put_in_explains_an_end() {
        let fate = |death| Fate {
            death,
            life: Duration::ZERO,
            illness: None,
            seed: 0,
        };
        let (aborted, panicked, killed) = (6, 101 << 8, 9);
        let explains = |death, raw| fate(death).explains(ExitStatus::from_raw(raw));
        let torn = Death::TornSync { one_in: 2 };
        assert!(explains(torn, aborted));
        assert!(!explains(torn, panicked));
        assert!(!explains(torn, killed));
        assert!(!explains(torn, 0));
        assert!(!explains(Death::Signal, aborted));
    }
}
