//! A runtime in which nothing runs: containers follow scripts, time may be scaled or virtual.
//!
//! ```text
//!  effects ─► SimRuntime ─► World (sandboxes, instances)     one task per live container sleeps
//!  facts   ◄─ FactSink  ◄─ process tasks ◄─ SimClock         until its script or a signal ends it
//! ```
//!
//! It is meant for tests of the engine, of servers and of clients: the engine, the journal and
//! the API in front of it are the real ones, only the containers are not.
//!
//! Scripts are pod annotations; their words, images and time are described in `docs/simulator.md`.
//!
//! # Time
//!
//! [`SimClock`] runs on tokio's timers (real, scaled by a factor, or virtual on tokio's paused
//! clock), or stands still until it is moved. In virtual and stepped time the engine must be a
//! task of the same single-threaded async runtime (`Placement::Task`): time passes only while
//! nothing there has anything to do. The same seed and the same inputs give the same facts in the
//! same order; with real threads, the order between containers is theirs.
//!
//! # What is left behind
//!
//! Without [`SimConfig::state`] everything lives in memory and ends with the process, as after a
//! reboot; an engine that was killed and started again over the same [`SimRuntime`] finds its
//! containers. With it, pods are written down and live on under the next [`SimRuntime`], as real
//! ones do. Log files are real and follow the kubelet's layout.

mod clock;
mod containers;
mod dice;
mod effects;
mod exec;
mod faults;
mod handlers;
mod images;
mod log;
mod process;
mod records;
mod runtime;
mod script;
mod streams;
mod world;

pub use clock::{BadSpeed, SimClock};
pub use runtime::{SimConfig, SimRuntime};
pub use script::{Problem, ScriptError, check};
