//! Replays recorded answers of a Kubernetes API server against Lifepod, as its users meet it: the
//! manifest parser of the SDK, then the server over gRPC.
//!
//! ```text
//! case ─► manifest::parse ─► CreatePod / UpdatePod / DeletePod ─► answer ─┐
//! recorded answer ────────────────────────────────────────────────────────┴─► Class
//! ```
//! A recording is a folder with `accepted.jsonl`, `rejected.jsonl` and `updates.jsonl`, one case
//! per line. Every case ends in one [`Class`]; none is skipped.

mod answer;
mod case;
mod class;
mod create;
mod intended;
mod object;
mod patch;
mod request;
mod tally;
mod update;

pub use answer::{Answer, Cause};
pub use case::{CreateCase, Recording};
pub use class::{Class, Judged};
pub use create::replay_creates;
pub use tally::Tally;
pub use update::replay_updates;

/// What the server to replay on is to be configured with: the node that the recorded requests name,
/// and a time that stands still, so that nothing happens to a pod but what clients ask for.
#[must_use]
pub fn settings() -> String {
    "node_name = \"the-node\"\n[runtime.sim]\ntime = \"stepped\"\n".to_owned()
}
