//! The loop that owns all pods.
//!
//! ```text
//!  commands ─┐            one turn, on the engine's own thread            ┌─► replies
//!  facts ────┼─► drain ─► step each ─► commit once ─► publish ────────────┼─► watch cursors
//!  timers ───┘                                            └─► dispatch ───┴─► runtime (tokio tasks)
//! ```
//! Nothing is visible to a client, and no effect starts, before its commit is durable. When a
//! commit fails, commands of the turn answer [`SubmitError::Unavailable`], facts wait and are
//! told again: neither is lost. Reads never enter the loop.

mod clock;
mod config;
mod dispatch;
mod failpoint;
mod handle;
mod inbox;
mod log;
mod publish;
mod requests;
mod run;
mod stage;
mod table;
mod timers;
mod turn;

pub use clock::{Clock, SystemClock};
pub use config::{EngineConfig, Placement};
pub use handle::{EngineHandle, Snapshot};
pub use inbox::{Committed, RequestKey, SubmitError, Target};
pub use log::{Cursor, WatchEnd};
pub use run::{Engine, StartError};
