//! How often, and how long apart, a call is repeated.

use std::time::Duration;

use uuid::Uuid;

/// When lost connections, UNAVAILABLE answers, and RESOURCE_EXHAUSTED answers that say when, are tried again. Nothing else
/// ever is, and no mutation without a request id.
#[derive(Clone, Debug)]
pub struct RetryPolicy {
    /// Most attempts of one call, the first included. Default 6.
    pub max_attempts: u32,
    /// Upper bound of the first pause. Default 50 ms. It doubles with every attempt.
    pub initial: Duration,
    /// Upper bound of every pause. Default 2 s.
    pub max: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 6,
            initial: Duration::from_millis(50),
            max: Duration::from_secs(2),
        }
    }
}

impl RetryPolicy {
    /// Never repeats a call.
    #[must_use]
    pub fn never() -> Self {
        Self {
            max_attempts: 1,
            ..Self::default()
        }
    }

    /// Pause before attempt `attempt` (1 is the first repetition): between half and all of the bound, so that clients
    /// that lost the same server do not come back together.
    pub(crate) fn pause(&self, attempt: u32) -> Duration {
        let doubled = 2u32.saturating_pow(attempt.saturating_sub(1).min(20));
        let bound = self.initial.saturating_mul(doubled).min(self.max);
        bound.mul_f64(0.5 + 0.5 * random_fraction())
    }
}

/// A number in 0..1 from the operating system's randomness.
fn random_fraction() -> f64 {
    let bits = u32::try_from(Uuid::new_v4().as_u128() & u128::from(u32::MAX)).unwrap_or(0);
    f64::from(bits) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_bound_and_jitter_downwards() {
        let policy = RetryPolicy::default();
        for attempt in 1..40 {
            let full = policy
                .initial
                .saturating_mul(2u32.saturating_pow(attempt - 1))
                .min(policy.max);
            let pause = policy.pause(attempt);
            assert!(pause <= full && pause >= full / 2, "{attempt}: {pause:?}");
        }
    }
}
