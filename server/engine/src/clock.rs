//! Where the engine's time comes from.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lifepod_lifecycle::{port::BoxFuture, time::Timestamp};

/// A source of time that never runs backwards.
pub trait Clock: Send + Sync + 'static {
    /// The present.
    fn now(&self) -> Timestamp;

    /// How long to wait, in real time, until `deadline` is present.
    fn until(&self, deadline: Timestamp) -> Duration;

    /// Completes about when `deadline` is present. A clock that does not run by itself must say
    /// when it was moved.
    fn sleep_until(&self, deadline: Timestamp) -> BoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep(self.until(deadline)))
    }
}

/// Wall clock at its creation, moved on by the monotonic clock: a step of the machine's wall
/// clock neither fires nor delays a timer.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    wall: Timestamp,
    started: Instant,
}

impl SystemClock {
    /// Reads the wall clock once. `not_before` is the newest time in the journal: should the
    /// wall clock be behind it, time goes on from there.
    #[must_use]
    pub fn new(not_before: Timestamp) -> Self {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let wall = Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX));
        Self {
            wall: wall.max(not_before),
            started: Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        self.wall + self.started.elapsed()
    }

    fn until(&self, deadline: Timestamp) -> Duration {
        deadline.since(self.now())
    }
}
