//! Waiting for a quiet machine before a step is timed.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

/// Before each step in any case: what follows right upon another container's start or end is
/// untypically fast (cgroup moves) or slow (namespaces being taken apart). Long enough to tell a
/// busy machine from a quiet one, too.
const PAUSE: Duration = Duration::from_millis(40);
/// Share of idle processor time that counts as quiet.
const QUIET: f64 = 0.8;

/// Waits, as long as patience lasts; then steps are timed in whatever noise there is, and counted.
#[derive(Debug)]
pub(crate) struct Quiet {
    patience: Duration,
    steps: u32,
    noisy: u32,
}

impl Quiet {
    pub(crate) fn with_patience(patience: Duration) -> Self {
        Self {
            patience,
            steps: 0,
            noisy: 0,
        }
    }

    /// Pauses before a step.
    pub(crate) fn pause(&mut self) {
        let began = Instant::now();
        self.steps += 1;
        while idle_share(PAUSE) < QUIET {
            if began.elapsed() >= self.patience {
                self.noisy += 1;
                break;
            }
        }
        let waited = began.elapsed().saturating_sub(PAUSE);
        self.patience = self.patience.saturating_sub(waited);
    }

    /// Part of the steps that were timed although others used the processors, in percent.
    pub(crate) fn noisy_share(&self) -> f64 {
        100.0 * f64::from(self.noisy) / f64::from(self.steps.max(1))
    }
}

/// Idle share of all processors during a time.
fn idle_share(during: Duration) -> f64 {
    let before = ticks();
    thread::sleep(during);
    let after = ticks();
    let (idle, all) = (after.0 - before.0, after.1 - before.1);
    if all > 0.0 { idle / all } else { 1.0 }
}

/// Idle and all processor time since boot.
fn ticks() -> (f64, f64) {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = text.lines().next().unwrap_or_default();
    // user nice system idle iowait irq softirq steal; guest time is part of user time.
    let fields = line.split_whitespace().skip(1).take(8);
    let ticks: Vec<f64> = fields.filter_map(|field| field.parse().ok()).collect();
    let idle = ticks.iter().skip(3).take(2).sum();
    (idle, ticks.iter().sum())
}
