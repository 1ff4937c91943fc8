//! Talks to registries: the pull half of the OCI distribution protocol.
//!
//! ```text
//! Remote (one image) ─► Session (one endpoint: mirror or registry) ─► reqwest
//!                          └─ authorize: challenge ─► token
//! ```
//!
//! Nothing a registry sends is held in memory beyond a limit: documents and error texts are capped, blobs are
//! handed on chunk by chunk. Credentials live as long as one pull, so those of one pod never serve another.

mod auth_file;
mod authorize;
mod clients;
mod config;
mod credentials;
mod endpoint;
mod failure;
mod remote;
mod session;

pub(crate) use clients::{Clients, choose_crypto};
pub use config::{Limits, RegistryConfig, RegistrySettings};
pub use credentials::Credentials;
pub(crate) use failure::Failure;
pub(crate) use remote::Remote;
