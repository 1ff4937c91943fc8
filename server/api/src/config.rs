//! What the services are told about themselves.

use std::{fmt, net::IpAddr, path::PathBuf, sync::Arc, time::Duration};

use lifepod_lifecycle::{id::Revision, port::BoxFuture, time::Timestamp};

/// Bounds in force; each is reported by `GetServerInfo`.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Largest message accepted, in bytes.
    pub message_bytes: usize,
    /// Most calls and streams at a time, over all connections.
    pub in_flight: usize,
    /// Most calls and streams at a time of one client: a process on the unix socket, a connection
    /// over TCP.
    pub calls_per_client: usize,
    /// Most streams of one connection.
    pub streams_per_connection: u32,
    /// Mutations that may wait, as the engine was told.
    pub queued_mutations: usize,
    /// How long the answer to a request id is remembered, as the engine was told.
    pub request_window: Duration,
    /// Output kept for each command whose client has disappeared, in bytes.
    pub exec_buffer_bytes: usize,
    /// Largest archive that can be loaded, in bytes.
    pub archive_bytes: u64,
    /// How long history is kept at most, as the store was told; zero for no bound by time.
    pub history_age: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 4 << 20,
            in_flight: 20_000,
            calls_per_client: 12_000,
            streams_per_connection: 1_000,
            queued_mutations: 1_024,
            request_window: Duration::from_secs(600),
            exec_buffer_bytes: 1 << 20,
            archive_bytes: 16 << 30,
            history_age: Duration::ZERO,
        }
    }
}

/// What the server says about itself and its machine.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// Version of the server.
    pub version: String,
    /// Commit it was built from, or empty.
    pub git_commit: String,
    /// Addresses of the node.
    pub node_ips: Vec<IpAddr>,
    /// `oci`, `sim`, `cri` or `kubernetes`.
    pub runtime: String,
    /// Version of the cgroup hierarchy, 0 if it does not apply.
    pub cgroup_version: u32,
    /// Kernel release, or empty.
    pub kernel: String,
}

/// Time that stands still until it is moved: a simulator's.
pub trait Stepping: Send + Sync + 'static {
    /// Moves time on by `by`, or until a revision newer than `past` is committed. Answers the
    /// new present, or none if the simulation has ended.
    fn advance(&self, by: Duration, past: Option<Revision>) -> BoxFuture<'_, Option<Timestamp>>;
}

impl fmt::Debug for dyn Stepping {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Stepping")
    }
}

/// Settings of the services.
#[derive(Clone, Debug)]
pub struct ApiConfig {
    /// Bounds.
    pub limits: Limits,
    /// Description of the server.
    pub about: About,
    /// Where archives lie while they are received.
    pub upload_dir: PathBuf,
    /// Moves the time, if it does not move by itself.
    pub stepping: Option<Arc<dyn Stepping>>,
}
