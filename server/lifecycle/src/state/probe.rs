//! The probes of a live instance (spec §6; kubelet `pkg/kubelet/prober/worker.go`).

use serde::{Deserialize, Serialize};

use crate::{id::OpId, time::Timestamp, transition::ProbeKind};

/// The result of a probe as it counts, after its thresholds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProbeResult {
    /// No threshold was reached yet. Counts as alive, not as started or ready.
    #[default]
    Unknown,
    /// `successThreshold` successes in a row.
    Success,
    /// `failureThreshold` failures in a row.
    Failure,
}

impl ProbeResult {
    /// Word of the journal.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "Unknown",
            Self::Success => "Success",
            Self::Failure => "Failure",
        }
    }
}

/// One probe of one instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeState {
    /// What counts.
    pub result: ProbeResult,
    /// Whether the last attempts succeeded.
    pub succeeded: bool,
    /// How many attempts in a row ended that way.
    pub streak: u32,
    /// Attempts in a row that could not be run and said nothing.
    pub errors: u32,
    /// When the next attempt is due.
    pub due: Timestamp,
    /// The attempt in flight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flight: Option<OpId>,
}

/// The probes of one instance; none for those the specification does not have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probes {
    /// Gate for the two others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub startup: Option<ProbeState>,
    /// Its failure kills.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub liveness: Option<ProbeState>,
    /// Decides readiness.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readiness: Option<ProbeState>,
}

impl Probes {
    /// Every kind, in the order in which attempts are made.
    pub const KINDS: [ProbeKind; 3] = [
        ProbeKind::Startup,
        ProbeKind::Liveness,
        ProbeKind::Readiness,
    ];

    /// The probe of that kind.
    #[must_use]
    pub const fn get(&self, kind: ProbeKind) -> Option<&ProbeState> {
        match kind {
            ProbeKind::Startup => self.startup.as_ref(),
            ProbeKind::Liveness => self.liveness.as_ref(),
            ProbeKind::Readiness => self.readiness.as_ref(),
        }
    }

    /// The slot of that kind.
    pub const fn slot(&mut self, kind: ProbeKind) -> &mut Option<ProbeState> {
        match kind {
            ProbeKind::Startup => &mut self.startup,
            ProbeKind::Liveness => &mut self.liveness,
            ProbeKind::Readiness => &mut self.readiness,
        }
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.startup.is_none() && self.liveness.is_none() && self.readiness.is_none()
    }

    /// Whether the startup probe lets the container count as started.
    #[must_use]
    pub fn started(&self) -> bool {
        let probe = self.startup.as_ref();
        probe.is_none_or(|probe| probe.result == ProbeResult::Success)
    }

    /// Whether the readiness probe lets the container count as ready.
    #[must_use]
    pub fn ready(&self) -> bool {
        let probe = self.readiness.as_ref();
        probe.is_none_or(|probe| probe.result == ProbeResult::Success)
    }
}
