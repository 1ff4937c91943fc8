//! The shim as the server sees it: the real binary, real containers. Needs root, busybox-static and
//! nothing else.

mod lifecycle;
mod support;
