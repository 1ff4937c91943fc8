//! The Kubernetes Pod lifecycle as a pure function, and the ports that drivers and stores
//! implement.
//!
//! ```text
//!   Input (command | fact | tick) ──► Pod::step ──► Verdict { transitions, effects, … }
//! ```
//! No I/O, clock, randomness, environment or hash order: the same inputs always give the
//! same outputs. What Kubernetes does is the authority; the modules name its sources.

pub mod backoff;
pub mod derive;
pub mod effect;
pub mod event;
pub mod id;
pub mod input;
pub mod invariants;
mod pod;
pub mod port;
mod settings;
pub mod spec;
pub mod state;
pub mod status;
mod step;
pub mod time;
pub mod transition;
pub mod validate;

pub use pod::{Deletion, Denied, Meta, NewPod, Pod, Verdict};
pub use settings::Settings;
