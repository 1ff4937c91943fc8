//! The embedded OCI runtime, below the engine's runtime port.

pub mod bundle;
mod driver;
pub mod image;
pub mod network;
pub mod shim;
pub mod snapshot;

pub use driver::{DriverConfig, OciDriver, OpenError};
