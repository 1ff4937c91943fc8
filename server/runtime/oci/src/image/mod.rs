//! Images: named, pulled or loaded, verified, unpacked, kept and removed.
//!
//! ```text
//!   reference ─► pull ──► registry (mirrors, auth) ─► content (blobs by digest) ─┐
//!   archive ───► load ──► ingest ──────────────────►  content                    ├─► layers ─► index ─► snapshot
//!                                                     unpack (tarball, whiteouts)┘
//! ```
//!
//! [`ImageStore`] is the way in. Nothing from outside is trusted: every blob is checked against its digest,
//! every layer against its diff id, every path is resolved by the kernel below the layer's root.

mod blocking;
mod compress;
mod config;
mod content;
mod digest;
mod error;
mod index;
mod layers;
mod load;
mod locks;
mod manifest;
mod platform;
mod pull;
mod reference;
mod registry;
mod remove;
mod scoped;
mod store;
mod tarball;
#[cfg(test)]
pub(crate) mod test_archive;
#[cfg(test)]
pub(crate) mod test_image;
#[cfg(test)]
mod test_registry;
mod tree;
mod unpack;

pub use config::ImageConfig;
pub use digest::{Digest, DigestError};
pub use error::ImageError;
pub use platform::Platform;
pub use pull::{LayerProgress, ProgressSink};
pub use reference::Reference;
pub use registry::{Credentials, Limits, RegistryConfig, RegistrySettings};
pub use remove::Removed;
pub use store::{Image, ImageStore};

pub(crate) use digest::Algorithm;
pub(crate) use error::At;
pub(crate) use layers::remove_path;
pub(crate) use registry::choose_crypto;
pub(crate) use scoped::ScopedDir;
pub(crate) use store::{Inner, not_present};
