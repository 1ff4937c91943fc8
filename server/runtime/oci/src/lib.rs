//! The embedded runtime driver: images, snapshots, pod networking and the shims.

pub mod network;
