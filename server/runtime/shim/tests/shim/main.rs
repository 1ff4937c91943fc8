//! The shim as the server sees it: the real binary, real containers. Needs root, busybox-static and
//! nothing else.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should end there"
)]

mod exec;
mod lifecycle;
mod limits;
mod output;
mod support;
mod survival;
mod unified;
