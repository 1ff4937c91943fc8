//! The embedded OCI runtime, below the engine's runtime port.

/// Bundles: the OCI configuration of a container.
pub mod bundle;
/// The driver: makes the engine's effects true.
mod driver;
/// Images: named, pulled or loaded, verified, unpacked, kept and removed.
pub mod image;
pub mod network;
/// The server's side of the per-pod process.
pub mod shim;
/// Container root file systems: the layers of an image under a writable one.
pub mod snapshot;

pub use driver::{DriverConfig, OciDriver, OpenError};
