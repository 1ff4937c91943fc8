//! What a chaos has found.

use super::fate::{Death, Fate};
use std::fmt;

/// Counts of what was done, and every promise that was broken.
#[derive(Debug, Default)]
pub struct Outcome {
    seed: u64,
    /// Lives of servers that were put to an end.
    pub rounds: u64,
    /// Servers killed from outside.
    pub kills_by_signal: u64,
    /// Servers that died right before or after a commit.
    pub kills_in_commit: u64,
    /// Servers whose power went off in the middle of a sync.
    pub torn_syncs: u64,
    /// Servers stopped in order.
    pub stops: u64,
    /// Mutations that were answered with success.
    pub acknowledged: u64,
    /// Mutations whose answer was lost, and that were repeated.
    pub unanswered: u64,
    /// Mutations that a failing disk refused.
    pub refused: u64,
    /// Transitions that were recorded.
    pub transitions: u64,
    /// Watches that were continued from a position.
    pub resumes: u64,
    /// What was not as it must be.
    pub violations: Vec<String>,
}

/// What one actor has done since it was asked last.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) acknowledged: u64,
    pub(super) unanswered: u64,
    pub(super) refused: u64,
}

impl Outcome {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            ..Self::default()
        }
    }

    pub(super) fn note(&mut self, faults: Vec<String>) {
        let round = self.rounds;
        let faults = faults.into_iter();
        self.violations
            .extend(faults.map(|fault| format!("round {round}: {fault}")));
    }

    pub(super) fn count(&mut self, tally: Tally) {
        self.acknowledged += tally.acknowledged;
        self.unanswered += tally.unanswered;
        self.refused += tally.refused;
    }

    pub(super) fn count_death(&mut self, fate: &Fate) {
        match fate.death {
            Death::Signal => self.kills_by_signal += 1,
            Death::InCommit { .. } => self.kills_in_commit += 1,
            Death::TornSync { .. } => self.torn_syncs += 1,
        }
    }

    /// Servers that did not end in order.
    #[must_use]
    pub fn kills(&self) -> u64 {
        self.kills_by_signal + self.kills_in_commit + self.torn_syncs
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "seed            {}", self.seed)?;
        writeln!(out, "rounds          {}", self.rounds)?;
        writeln!(
            out,
            "kills           {} ({} by SIGKILL, {} beside a commit, {} in the middle of a sync), {} orderly stops",
            self.kills(),
            self.kills_by_signal,
            self.kills_in_commit,
            self.torn_syncs,
            self.stops
        )?;
        writeln!(
            out,
            "mutations       {} acknowledged, {} unanswered and repeated, {} refused by a failing disk",
            self.acknowledged, self.unanswered, self.refused
        )?;
        writeln!(out, "transitions     {}", self.transitions)?;
        writeln!(out, "watch resumes   {}", self.resumes)?;
        writeln!(out, "violations      {}", self.violations.len())?;
        for violation in &self.violations {
            writeln!(out, "  {violation}")?;
        }
        Ok(())
    }
}
