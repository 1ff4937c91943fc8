//! Lifepod's gRPC contract: the messages, clients and servers of package `lifepod.v1`, generated from the `.proto` files
//! of this crate.
//!
//! The comments of the protos are the reference: they are kept here on every generated item. [`reasons`] names the
//! reasons an error may carry, [`FILE_DESCRIPTOR_SET`] serves gRPC reflection.
//!
//! Features: `client` (generated clients), `server` (generated service traits and servers); both on by default.

pub mod reasons;

/// Package `lifepod.v1`.
pub mod v1 {
    #![expect(clippy::all, unused_qualifications, reason = "generated code")]
    tonic::include_proto!("lifepod.v1");
}

/// The encoded `google.protobuf.FileDescriptorSet` of package `lifepod.v1` and what it imports, for gRPC reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/lifepod.v1.bin"));
