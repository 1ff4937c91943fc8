//! The machine state of a pod: one enum per axis, data in the variants.
//!
//! ```text
//! sandbox    Absent → Creating → Ready → Removing → Removed        (Failed → Creating …)
//! container  Idle → Pulling → Starting → Live → Idle(exit kept) → …  (Idle until a back-off ends)
//! stop       (Live only)  PreStop → Ordered → Signalled → Killed
//! probe      (Live only)  due → in flight → due …              (results count by thresholds)
//! ```
//! Operations in flight are part of the state: what a pod owes is read off it, never stored twice.

mod container;
mod instance;
mod probe;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

pub use self::{
    container::{Activity, Class, Container, ImageFacts, Shown},
    instance::{Finished, Hook, Instance, Stop, StopReason, StopStage},
    probe::{ProbeResult, ProbeState, Probes},
};
use crate::{
    event::Events,
    id::OpId,
    status::{Condition, Observed},
    time::Timestamp,
};

/// The pod's sandbox.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Sandbox {
    /// None was asked for yet.
    #[default]
    Absent,
    /// The last attempt failed.
    Failed {
        /// When the next attempt is due.
        retry_at: Timestamp,
    },
    /// Being made.
    Creating {
        /// Operation.
        op: OpId,
    },
    /// Usable.
    Ready {
        /// Addresses, empty with the host's network.
        ips: Vec<IpAddr>,
    },
    /// Being removed.
    Removing {
        /// Operation.
        op: OpId,
    },
    /// The last attempt to remove it failed.
    RemoveFailed {
        /// When the next attempt is due.
        retry_at: Timestamp,
    },
    /// Gone for good.
    Removed,
}

/// Why the pod ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EndReason {
    /// Every container is done.
    Completed,
    /// The pod was deleted.
    Deleted,
    /// `activeDeadlineSeconds` ran out.
    DeadlineExceeded,
}

/// The pod is ending: nothing starts any more, everything that runs is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// Why.
    pub reason: EndReason,
    /// Grace period in force, in seconds.
    pub grace: u32,
}

/// The runtime or the pod's shim is out of reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    /// Since when.
    pub since: Timestamp,
    /// When the phase becomes Unknown.
    pub limit: Timestamp,
    /// Why.
    pub message: String,
}

/// State of the pod object at its end.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Purge {
    /// Not its time.
    #[default]
    Kept,
    /// The pod's files are being removed.
    Running {
        /// Operation.
        op: OpId,
    },
    /// The last attempt failed.
    Failed {
        /// When the next attempt is due.
        retry_at: Timestamp,
    },
    /// Nothing is left; the record goes.
    Done,
}

/// The machine state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Number of the next operation.
    pub next_op: u64,
    /// When the engine first acted on the pod.
    pub start_time: Option<Timestamp>,
    /// Sandbox.
    pub sandbox: Sandbox,
    /// Addresses of the newest sandbox; kept when it is gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ips: Vec<IpAddr>,
    /// Number of the sandbox, counted up when one is lost.
    pub sandbox_attempt: u32,
    /// A regular container of the present sandbox exists or existed.
    pub initialized: bool,
    /// Containers: init containers, regular ones, ephemeral ones, each in order.
    pub containers: Vec<Container>,
    /// All containers are being removed to start again from the first (`RestartAllContainers`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restarting_all: bool,
    /// Set when the pod ends.
    pub ending: Option<Ending>,
    /// Set while the runtime or the shim cannot be reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outage: Option<Outage>,
    /// Conditions that clients set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub foreign: Vec<Condition>,
    /// Number of the next attempt of a probe; see [`State::probe_op`].
    #[serde(default)]
    pub next_probe: u64,
    /// Removal of the pod's files.
    #[serde(default)]
    pub purge: Purge,
    /// Clients no longer see the pod (forced deletion); the runtime still cleans up.
    #[serde(default)]
    pub hidden: bool,
    /// Last published phase and conditions with their times.
    pub observed: Observed,
    /// Events.
    #[serde(default)]
    pub events: Events,
}

/// Set in the numbers of probe attempts: they are not stored one by one, so they must never be
/// mistaken for an operation that is.
const PROBE: u64 = 1 << 63;

impl State {
    /// A number for an attempt of a probe.
    pub fn probe_op(&mut self) -> OpId {
        self.next_probe += 1;
        OpId(PROBE | self.next_probe)
    }
}
