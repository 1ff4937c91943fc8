//! The configuration file as it is written.

use std::{net::SocketAddr, path::PathBuf};

use clap::ValueEnum;
use lifepod_oci::image::RegistryConfig;
use serde::Deserialize;

/// The whole file; unknown keys are refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct File {
    pub(crate) data_dir: PathBuf,
    pub(crate) socket: PathBuf,
    pub(crate) socket_group: Option<String>,
    pub(crate) tcp: Option<SocketAddr>,
    pub(crate) node_name: Option<String>,
    pub(crate) worker_threads: usize,
    pub(crate) shutdown_timeout_seconds: u64,
    pub(crate) runtime: Runtime,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) network: Network,
    pub(crate) images: RegistryConfig,
    pub(crate) journal: Journal,
    pub(crate) limits: Limits,
    pub(crate) log: Log,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Runtime {
    pub(crate) kind: RuntimeKind,
    pub(crate) shim: Option<PathBuf>,
    pub(crate) cgroup: String,
    pub(crate) sim: Sim,
}

/// What runs the pods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RuntimeKind {
    #[default]
    Oci,
    Sim,
}

impl RuntimeKind {
    /// As clients are told.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Oci => "oci",
            Self::Sim => "sim",
        }
    }
}

/// The simulation.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Sim {
    pub(crate) time: SimTime,
    pub(crate) speed: f64,
    pub(crate) seed: u64,
}

/// How simulated time passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SimTime {
    #[default]
    Real,
    Scaled,
    Stepped,
}

/// Settings of the rules.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Lifecycle {
    pub(crate) max_restart_delay_seconds: u64,
    pub(crate) contact_limit_seconds: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Network {
    pub(crate) bridge: String,
    pub(crate) table: String,
    pub(crate) subnet: Option<String>,
    pub(crate) mtu: Option<u32>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Journal {
    pub(crate) keep_hours: u64,
    pub(crate) keep_mebibytes: u64,
    pub(crate) keep_revisions: u64,
    pub(crate) request_window_seconds: u64,
    pub(crate) request_window_count: usize,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    pub(crate) message_bytes: usize,
    pub(crate) in_flight: usize,
    pub(crate) calls_per_client: usize,
    pub(crate) streams_per_connection: u32,
    pub(crate) queued_mutations: usize,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    pub(crate) filter: String,
    pub(crate) format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    #[default]
    Text,
    Compact,
}

impl Default for File {
    fn default() -> Self {
        Self {
            data_dir: "/var/lib/lifepod".into(),
            socket: "/run/lifepod/lifepod.sock".into(),
            socket_group: None,
            tcp: None,
            node_name: None,
            worker_threads: 2,
            shutdown_timeout_seconds: 10,
            runtime: Runtime::default(),
            lifecycle: Lifecycle::default(),
            network: Network::default(),
            images: RegistryConfig::default(),
            journal: Journal::default(),
            limits: Limits::default(),
            log: Log::default(),
        }
    }
}

impl Default for Runtime {
    fn default() -> Self {
        Self {
            kind: RuntimeKind::default(),
            shim: None,
            cgroup: "/lifepod".into(),
            sim: Sim::default(),
        }
    }
}

impl Default for Sim {
    fn default() -> Self {
        Self {
            time: SimTime::default(),
            speed: 1.0,
            seed: 0,
        }
    }
}

impl Default for Lifecycle {
    fn default() -> Self {
        let rules = lifepod_lifecycle::Settings::default();
        Self {
            max_restart_delay_seconds: rules.max_restart_delay.as_secs(),
            contact_limit_seconds: rules.contact_limit.as_secs(),
        }
    }
}

impl Default for Network {
    fn default() -> Self {
        Self {
            bridge: "lifepod0".into(),
            table: "lifepod".into(),
            subnet: None,
            mtu: None,
        }
    }
}

impl Default for Journal {
    fn default() -> Self {
        Self {
            keep_hours: 24,
            keep_mebibytes: 1024,
            keep_revisions: 0,
            request_window_seconds: 600,
            request_window_count: 10_000,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 4 << 20,
            in_flight: 20_000,
            calls_per_client: 12_000,
            streams_per_connection: 1000,
            queued_mutations: 1024,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            filter: "info".into(),
            format: LogFormat::Text,
        }
    }
}
