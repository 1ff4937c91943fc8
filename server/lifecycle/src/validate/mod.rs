//! Admission rules on a pod (spec §10): validation with Kubernetes field paths, all violations at
//! once.
//!
//! Source: kubernetes `pkg/apis/core/validation/validation.go`. The rules look at typed, defaulted
//! fields; what cannot be typed is refused where it is converted.

mod container;
mod env;
mod ephemeral;
mod fields;
mod handler;
mod metadata;
mod names;
mod network;
mod pod;
mod ports;
mod resources;
mod scheduling;
mod update;

pub use fields::{NOT_YET, Violation, ViolationReason, Violations};
pub use pod::validate;
pub use update::{IMMUTABLE, validate_ephemeral, validate_metadata_update, validate_update};

/// Names that other layers judge, too.
pub mod name {
    use super::names;

    /// What is wrong with a DNS label.
    #[must_use]
    pub fn label(text: &str) -> Vec<String> {
        names::dns_label(text)
    }

    /// What is wrong with a DNS subdomain.
    #[must_use]
    pub fn subdomain(text: &str) -> Vec<String> {
        names::dns_subdomain(text)
    }

    /// What is wrong with a qualified name.
    #[must_use]
    pub fn qualified(text: &str) -> Vec<String> {
        names::qualified_name(text)
    }

    /// What is wrong with the name of a port.
    #[must_use]
    pub fn port(text: &str) -> Vec<String> {
        names::port_name(text)
    }
}
