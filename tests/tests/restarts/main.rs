//! Containers that fail: crash loops, memory, commands that do not exist, images that do not.
//!
//! The back-offs are Kubernetes' own, 10 s and then 20 s: these tests take their time.

mod crashes;
mod images;
mod memory;
