//! What the shim and the server share: the wire protocol, the files of a sandbox directory,
//! exit records and the way to a pod's cgroups.
//!
//! One `lifepod-shim` process runs per pod. It is the pod's sandbox (it holds the network, IPC and
//! UTS namespaces), the subreaper of its containers, the pump of their output and the witness of
//! their exits. The server talks to it over a unix socket; everything that must survive both of
//! them is a file:
//!
//! ```text
//! <sandbox dir>/
//!   sandbox.json      what the server asked for           (server writes)
//!   shim.lock         held as long as the shim lives
//!   shim.sock         control socket, mode 0600
//!   shim.log          the shim's own few words
//!   exits/<id>.json   one durable record per ended container
//! ```
//!
//! This library does no I/O loop of its own: [`frame`] and [`fds`] are non-blocking building blocks
//! used by the shim (epoll) and by the server (tokio) alike.

pub mod cgroup;
pub mod config;
pub mod fds;
pub mod frame;
pub mod protocol;
pub mod record;
pub mod time;

pub use config::{SandboxConfig, SandboxDir};
pub use record::ExitRecord;
pub use time::UnixNanos;
