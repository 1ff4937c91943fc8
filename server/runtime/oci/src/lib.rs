//! The embedded OCI runtime, below the engine's runtime port.

/// Images: named, pulled or loaded, verified, unpacked, kept and removed.
pub mod image;
pub mod network;
/// Container root file systems: the layers of an image under a writable one.
pub mod snapshot;
