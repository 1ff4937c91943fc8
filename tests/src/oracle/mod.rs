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
mod object;

pub use answer::{Answer, Cause};
pub use case::{CreateCase, Recording};
pub use class::{Class, Judged, Tally};
pub use create::replay_creates;
