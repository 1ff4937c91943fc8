//! The scenario suite: every numbered scenario of the specification as data, run on the simulator
//! in virtual time and on real containers.
//!
//! ```text
//!  NNN-title.yaml ── Scenario ── Driver (simulator | containers) ── steps, frames ── checks
//! ```
//! How a file is written is described in `tests/scenarios/README.md`.

mod calls;
mod check;
mod driver;
mod events;
mod file;
mod manifest;
mod names;
mod pattern;
mod points;
mod record;
mod run;
mod script;
mod sequence;
mod shell;
mod state;
mod steps;
mod suite;

pub use driver::Kind;
pub use file::{Scenario, load};
pub use suite::{Results, Row, Verdict, run_all};
