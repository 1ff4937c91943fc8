//! Admission rules on a pod (spec §10): defaults and validation with Kubernetes field paths.

mod fields;
mod names;
mod pod;

pub use fields::{Violation, ViolationReason, Violations};
pub use pod::validate;
