//! Back-off as the kubelet computes it (reference: client-go `util/flowcontrol/backoff.go`,
//! spec §4.1 and §4.3). Pure: time comes in, nothing is random.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// First delay.
pub const INITIAL: Duration = Duration::from_secs(10);
/// Longest delay.
pub const MAX: Duration = Duration::from_secs(300);
/// A container that ran this long after its last delay starts afresh.
pub const RESET: Duration = Duration::from_secs(600);
/// Delay after a failure before the process existed (configuration, create, sandbox).
pub const SYNC_RETRY: Duration = Duration::from_secs(10);

fn doubled(delay: Duration, max: Duration) -> Duration {
    (delay * 2).min(max)
}

/// Back-off between restarts of one container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrashBackoff {
    /// Delay in force.
    pub delay: Duration,
    /// When it was last advanced.
    pub stamped: Timestamp,
}

impl CrashBackoff {
    /// When a container that finished at `finished` may start again: at once without an
    /// entry, or with one that has expired.
    #[must_use]
    pub fn due(entry: Option<Self>, finished: Timestamp) -> Timestamp {
        match entry {
            Some(entry) if !entry.expired(finished) => finished + entry.delay,
            _ => finished,
        }
    }

    /// The entry after a start at `now` that follows the exit at `finished`; no delay exceeds `max`.
    #[must_use]
    pub fn advanced(
        entry: Option<Self>,
        finished: Timestamp,
        now: Timestamp,
        max: Duration,
    ) -> Self {
        let delay = match entry {
            Some(entry) if !entry.expired(finished) => doubled(entry.delay, max),
            _ => INITIAL.min(max),
        };
        Self {
            delay,
            stamped: now,
        }
    }

    fn expired(self, finished: Timestamp) -> bool {
        finished.since(self.stamped) > RESET
    }
}

/// Back-off between failed attempts of one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryBackoff {
    /// Delay in force.
    pub delay: Duration,
    /// When the last attempt failed.
    pub failed_at: Timestamp,
}

impl RetryBackoff {
    /// The entry after one more failure at `now`.
    #[must_use]
    pub fn after_failure(entry: Option<Self>, now: Timestamp) -> Self {
        let delay = match entry {
            Some(entry) if now.since(entry.failed_at) <= MAX * 2 => doubled(entry.delay, MAX),
            _ => INITIAL,
        };
        Self {
            delay,
            failed_at: now,
        }
    }

    /// When the next attempt is due.
    #[must_use]
    pub fn due(self) -> Timestamp {
        self.failed_at + self.delay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn an_instant_crasher_starts_at_the_offsets_of_the_kubelet() {
        let (mut now, mut entry, mut starts) = (at(0), None, vec![0]);
        for _ in 0..7 {
            let start = CrashBackoff::due(entry, now);
            entry = Some(CrashBackoff::advanced(entry, now, start, MAX));
            now = start;
            starts.push(now.as_secs());
        }
        assert_eq!(starts, [0, 0, 10, 30, 70, 150, 310, 610]);
    }

    #[test]
    fn a_long_run_starts_afresh() {
        let entry = CrashBackoff {
            delay: MAX,
            stamped: at(0),
        };
        assert_eq!(CrashBackoff::due(Some(entry), at(600)), at(900));
        assert_eq!(CrashBackoff::due(Some(entry), at(601)), at(601));
        assert_eq!(
            CrashBackoff::advanced(Some(entry), at(601), at(601), MAX).delay,
            INITIAL
        );
    }

    #[test]
    fn retries_double_up_to_the_cap_and_expire() {
        let mut entry = None;
        let mut delays = Vec::new();
        for i in 0..7 {
            entry = Some(RetryBackoff::after_failure(entry, at(i * 300)));
            delays.push(entry.map(|e| e.delay.as_secs()));
        }
        assert_eq!(delays, [10, 20, 40, 80, 160, 300, 300].map(Some));
        assert_eq!(
            RetryBackoff::after_failure(entry, at(1800 + 601)).delay,
            INITIAL
        );
    }
}
