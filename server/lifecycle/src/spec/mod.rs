//! What a user asked for: the validated, defaulted pod specification.
//!
//! Fields carry the Kubernetes names and meanings (reference: `kubernetes/api` core/v1
//! `types.go`). A field that is not here is either refused by name at admission or kept in
//! [`PodSpec::extra`] because it cannot change what runs on a single node.

mod container;
mod handler;
mod pod;
mod quantity;

pub use container::{
    ContainerSpec, EnvVar, EnvVarSource, EphemeralContainer, ImagePullPolicy, Port, Protocol,
    Resources, RestartRule, RestartRuleAction, TerminationMessagePolicy,
};
pub use handler::{Handler, HttpGet, HttpScheme, Lifecycle, PortRef, Probe};
pub use pod::{DnsConfig, DnsPolicy, HostAlias, PodSpec, RestartPolicy};
pub use quantity::{ParseQuantityError, Quantity};
