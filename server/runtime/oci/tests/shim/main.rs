//! The server's side of real shims, and of one that is made up to break connections. Needs root and
//! busybox-static.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should end there"
)]

mod adoption;
mod broken;
mod pod;
mod running;
