//! Simulated time: on tokio's timers, or moved by hand.

mod steps;

use std::{sync::Arc, time::Duration};

use lifepod_lifecycle::time::Timestamp;
use thiserror::Error;
use tokio::time::Instant;

use steps::Steps;

/// The speed of a clock is not a positive number.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
#[error("speed `{speed}` is not a positive number")]
pub struct BadSpeed {
    /// What was asked for.
    pub speed: f64,
}

/// Time that begins at `origin` when the clock is made. It runs `speed` times as fast as
/// tokio's, or stands still until [`SimClock::advance`]. Copies tell the same time.
///
/// Timers of a clock that runs are exact to about a millisecond of real time, so to `speed`
/// milliseconds of simulated time. An engine must be given the same clock as the runtime.
#[derive(Clone, Debug)]
pub struct SimClock(Pace);

#[derive(Clone, Debug)]
enum Pace {
    Runs {
        origin: Timestamp,
        started: Instant,
        speed: f64,
    },
    Stepped(Arc<Steps>),
}

impl SimClock {
    /// A clock that runs as fast as tokio's: in real time, or in virtual time if that is paused.
    #[must_use]
    pub fn new(origin: Timestamp) -> Self {
        Self(Pace::Runs {
            origin,
            started: Instant::now(),
            speed: 1.0,
        })
    }

    /// A clock in which `speed` seconds pass in one.
    ///
    /// # Errors
    /// [`BadSpeed`] unless `speed` is finite and above zero.
    pub fn scaled(origin: Timestamp, speed: f64) -> Result<Self, BadSpeed> {
        if !speed.is_finite() || speed <= 0.0 {
            return Err(BadSpeed { speed });
        }
        Ok(Self(Pace::Runs {
            origin,
            started: Instant::now(),
            speed,
        }))
    }

    /// A clock that stands still until it is moved.
    #[must_use]
    pub fn stepped(origin: Timestamp) -> Self {
        Self(Pace::Stepped(Arc::new(Steps::new(origin))))
    }

    /// The present.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Pace::Runs {
                origin,
                started,
                speed,
            } => {
                let elapsed = started.elapsed().as_nanos() as f64 * speed;
                *origin + Duration::from_nanos(elapsed as u64)
            }
            Pace::Stepped(steps) => steps.now(),
        }
    }

    /// How long to wait, in tokio's time, until `deadline` is present; for ever if only a step
    /// can bring it.
    #[must_use]
    pub fn until(&self, deadline: Timestamp) -> Duration {
        let ahead = deadline.since(self.now());
        match &self.0 {
            // Rounded up: a sleep must not end before its deadline.
            Pace::Runs { speed, .. } => {
                Duration::from_nanos((ahead.as_nanos() as f64 / speed).ceil() as u64)
            }
            Pace::Stepped(_) if ahead.is_zero() => ahead,
            Pace::Stepped(_) => Duration::MAX,
        }
    }

    /// Completes when `deadline` is present.
    pub async fn sleep_until(&self, deadline: Timestamp) {
        match &self.0 {
            Pace::Runs { .. } => {
                while self.now() < deadline {
                    tokio::time::sleep(self.until(deadline)).await;
                }
            }
            Pace::Stepped(steps) => steps.sleep_until(deadline).await,
        }
    }

    /// Moves a stepped clock on by `by`, from one deadline to the next, and lets everything that
    /// is due at each of them happen before the next. Ends early as soon as `stop` says so.
    ///
    /// Engine and runtime must be tasks of the current-thread async runtime that calls this.
    /// A clock that runs by itself is left alone.
    pub async fn advance(&self, by: Duration, stop: impl FnMut() -> bool) {
        if let Pace::Stepped(steps) = &self.0 {
            steps.advance(by, stop).await;
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
