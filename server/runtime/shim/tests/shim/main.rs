//! The shim as the server sees it: the real binary, real containers. Needs root, busybox-static and
//! nothing else.

mod exec;
mod lifecycle;
mod limits;
mod output;
mod support;
mod survival;
