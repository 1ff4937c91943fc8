//! Repeated measurements of one thing.

use std::time::{Duration, Instant};

/// Durations in the order they were measured.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    pub(crate) fn add(&mut self, duration: Duration) {
        self.0.push(duration.as_secs_f64() * 1e3);
    }

    /// Times `act`, which counts only if it succeeds.
    pub(crate) fn time<T, E>(&mut self, act: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let begin = Instant::now();
        let done = act()?;
        self.add(begin.elapsed());
        Ok(done)
    }

    /// Adds those of another measurement of the same thing.
    pub(crate) fn extend(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Nearest-rank percentile in milliseconds.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        sorted.get(rank - 1).copied().unwrap_or(f64::NAN)
    }
}

impl FromIterator<Duration> for Samples {
    fn from_iter<I: IntoIterator<Item = Duration>>(durations: I) -> Self {
        let mut samples = Self::default();
        durations
            .into_iter()
            .for_each(|duration| samples.add(duration));
        samples
    }
}

#[cfg(test)]
mod tests {
    use super::Samples;
    use std::time::Duration;

    #[test]
    fn percentiles_are_measured_values() {
        let samples: Samples = (1..=100).rev().map(Duration::from_millis).collect();
        assert_eq!(samples.percentile(50).round(), 50.0);
        assert_eq!(samples.percentile(99).round(), 99.0);
        assert_eq!(samples.percentile(100).round(), 100.0);
        assert!(Samples::default().percentile(50).is_nan());
    }
}
