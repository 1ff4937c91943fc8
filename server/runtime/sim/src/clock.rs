//! Simulated time, on tokio's timers.

use std::time::Duration;

use lifepod_lifecycle::time::Timestamp;
use thiserror::Error;
use tokio::time::Instant;

/// The speed of a clock is not a positive number.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
#[error("speed `{speed}` is not a positive number")]
pub struct BadSpeed {
    /// What was asked for.
    pub speed: f64,
}

/// Time that begins at `origin` when the clock is made and runs `speed` times as fast as
/// tokio's. Copies tell the same time.
///
/// Timers are exact to about a millisecond of real time, so to `speed` milliseconds of
/// simulated time. An engine must be given the same clock as the runtime.
#[derive(Clone, Copy, Debug)]
pub struct SimClock {
    origin: Timestamp,
    started: Instant,
    speed: f64,
}

impl SimClock {
    /// A clock that runs as fast as tokio's: in real time, or in virtual time if that is paused.
    #[must_use]
    pub fn new(origin: Timestamp) -> Self {
        let started = Instant::now();
        Self {
            origin,
            started,
            speed: 1.0,
        }
    }

    /// A clock in which `speed` seconds pass in one.
    ///
    /// # Errors
    /// [`BadSpeed`] unless `speed` is finite and above zero.
    pub fn scaled(origin: Timestamp, speed: f64) -> Result<Self, BadSpeed> {
        if !speed.is_finite() || speed <= 0.0 {
            return Err(BadSpeed { speed });
        }
        Ok(Self {
            speed,
            ..Self::new(origin)
        })
    }

    /// The present.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let elapsed = self.started.elapsed().as_nanos() as f64 * self.speed;
        self.origin + Duration::from_nanos(elapsed as u64)
    }

    /// How long to wait, in tokio's time, until `deadline` is present.
    #[must_use]
    pub fn until(&self, deadline: Timestamp) -> Duration {
        let ahead = deadline.since(self.now()).as_nanos() as f64 / self.speed;
        // Rounded up: a sleep must not end before its deadline.
        Duration::from_nanos(ahead.ceil() as u64)
    }

    /// Completes when `deadline` is present.
    pub async fn sleep_until(&self, deadline: Timestamp) {
        while self.now() < deadline {
            tokio::time::sleep(self.until(deadline)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_scaled_clock_runs_faster_by_its_factor() {
        let clock = SimClock::scaled(Timestamp::from_secs(100), 60.0).unwrap();
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(clock.now(), Timestamp::from_secs(220));
        let deadline = Timestamp::from_secs(280);
        assert_eq!(clock.until(deadline), Duration::from_secs(1));
        clock.sleep_until(deadline).await;
        assert!(clock.now() >= deadline);
        assert!(clock.now().since(deadline) < Duration::from_millis(60 * 2));
    }

    #[test]
    fn speeds_that_make_no_sense_are_refused() {
        for speed in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(SimClock::scaled(Timestamp::EPOCH, speed).is_err());
        }
    }
}
