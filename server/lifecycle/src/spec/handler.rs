//! Hooks and probes, and the handlers both share.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A port by number or by the name of a declared port of the same container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PortRef {
    /// Port number.
    Number(u16),
    /// Name in the container's `ports`.
    Name(String),
}

impl From<u16> for PortRef {
    fn from(number: u16) -> Self {
        Self::Number(number)
    }
}

/// Scheme of an HTTP handler.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum HttpScheme {
    /// Plain HTTP.
    #[default]
    Http,
    /// HTTPS, certificate not verified.
    Https,
}

/// An HTTP GET.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpGet {
    /// Path and query.
    pub path: String,
    /// Port.
    pub port: PortRef,
    /// Host; the pod's address if absent.
    pub host: Option<String>,
    /// Scheme.
    pub scheme: HttpScheme,
    /// Extra headers.
    pub headers: Vec<(String, String)>,
}

/// What a hook or a probe does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Handler {
    /// Run a command in the container, without a shell.
    Exec {
        /// Program and arguments.
        command: Vec<String>,
    },
    /// Send an HTTP GET.
    HttpGet(HttpGet),
    /// Open a TCP connection.
    TcpSocket {
        /// Host; the pod's address if absent.
        host: Option<String>,
        /// Port.
        port: PortRef,
    },
    /// Ask the gRPC health service. Probes only.
    Grpc {
        /// Port number.
        port: u16,
        /// Service name, empty for the whole server.
        service: String,
    },
    /// Wait. Hooks only.
    Sleep {
        /// How long.
        seconds: u64,
    },
}

/// The hooks of a container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lifecycle {
    /// Runs right after the container started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post_start: Option<Handler>,
    /// Runs before the container is stopped by Lifepod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pre_stop: Option<Handler>,
}

/// A periodic check of a container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// What it does.
    pub handler: Handler,
    /// Wait after the container's start.
    pub initial_delay: Duration,
    /// Time between two attempts.
    pub period: Duration,
    /// Bound of one attempt.
    pub timeout: Duration,
    /// Consecutive successes that count as success.
    pub success_threshold: u32,
    /// Consecutive failures that count as failure.
    pub failure_threshold: u32,
    /// Grace period of the kill that a failure causes; the pod's if absent.
    pub termination_grace_period: Option<Duration>,
}
