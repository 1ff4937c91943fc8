//! Configuration: flags, environment, file and defaults into one validated value, before
//! anything is bound or touched.

mod file;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use file::{File, Limits};
pub(crate) use file::{LogFormat, RuntimeKind, Sim, SimTime};
use lifepod_oci::{image::RegistryConfig, network::NetworkConfig};
use thiserror::Error;

use crate::args::Settings;

/// The commented defaults.
pub(crate) const DEFAULT: &str = include_str!("default.toml");
const DEFAULT_FILE: &str = "/etc/lifepod/lifepodd.toml";

/// A configuration that cannot be used.
#[derive(Debug, Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read `{path}`")]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// The file is not valid TOML of the right shape.
    #[error("`{path}`: {message}")]
    Parse { path: PathBuf, message: String },
    /// A value makes no sense.
    #[error("`{field}`: {reason}")]
    Invalid { field: &'static str, reason: String },
}

/// A validated configuration.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) data_dir: PathBuf,
    pub(crate) socket: PathBuf,
    pub(crate) socket_group: Option<String>,
    pub(crate) tcp: Option<SocketAddr>,
    pub(crate) node_name: String,
    pub(crate) worker_threads: usize,
    pub(crate) shutdown_timeout: Duration,
    pub(crate) runtime: RuntimeKind,
    pub(crate) sim: Sim,
    pub(crate) shim: PathBuf,
    pub(crate) cgroup: String,
    pub(crate) rules: lifepod_lifecycle::Settings,
    pub(crate) network: NetworkConfig,
    pub(crate) registries: RegistryConfig,
    pub(crate) history_age: Duration,
    pub(crate) history_bytes: u64,
    pub(crate) history_revisions: Option<u64>,
    pub(crate) request_window: Duration,
    pub(crate) request_count: usize,
    pub(crate) limits: Limits,
    pub(crate) log_filter: String,
    pub(crate) log_format: LogFormat,
}

impl Config {
    /// Puts everything together.
    ///
    /// # Errors
    /// [`ConfigError`], naming file or field.
    pub(crate) fn load(settings: &Settings) -> Result<Self, ConfigError> {
        let file = read(settings.config.as_deref())?;
        validate(overridden(file, settings))
    }
}

fn read(path: Option<&Path>) -> Result<File, ConfigError> {
    let (path, required) = path.map_or((Path::new(DEFAULT_FILE), false), |path| (path, true));
    match std::fs::read_to_string(path) {
        Ok(text) => toml::from_str(&text).map_err(|error| {
            let message = error.to_string().trim_end().to_owned();
            ConfigError::Parse {
                path: path.to_owned(),
                message,
            }
        }),
        Err(error) if !required && error.kind() == std::io::ErrorKind::NotFound => {
            Ok(File::default())
        }
        Err(source) => Err(ConfigError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

fn overridden(mut file: File, settings: &Settings) -> File {
    let Settings {
        config: _,
        data_dir,
        socket,
        tcp,
        node_name,
        runtime,
        log,
    } = settings.clone();
    file.data_dir = data_dir.unwrap_or(file.data_dir);
    file.socket = socket.unwrap_or(file.socket);
    file.tcp = tcp.or(file.tcp);
    file.node_name = node_name.or(file.node_name);
    file.runtime.kind = runtime.unwrap_or(file.runtime.kind);
    file.log.filter = log.unwrap_or(file.log.filter);
    file
}

fn invalid(field: &'static str, reason: impl Into<String>) -> ConfigError {
    ConfigError::Invalid {
        field,
        reason: reason.into(),
    }
}

fn validate(file: File) -> Result<Config, ConfigError> {
    absolute("data_dir", &file.data_dir)?;
    absolute("socket", &file.socket)?;
    if let Some(address) = file.tcp.filter(|address| !address.ip().is_loopback()) {
        let reason =
            format!("{address} is not a loopback address; others are refused until there is TLS");
        return Err(invalid("tcp", reason));
    }
    for (field, is_zero) in [
        ("worker_threads", file.worker_threads == 0),
        (
            "shutdown_timeout_seconds",
            file.shutdown_timeout_seconds == 0,
        ),
        ("limits.message_bytes", file.limits.message_bytes == 0),
        ("limits.in_flight", file.limits.in_flight == 0),
        ("limits.calls_per_client", file.limits.calls_per_client == 0),
        (
            "limits.streams_per_connection",
            file.limits.streams_per_connection == 0,
        ),
        ("limits.queued_mutations", file.limits.queued_mutations == 0),
        (
            "journal.request_window_count",
            file.journal.request_window_count == 0,
        ),
    ] {
        if is_zero {
            return Err(invalid(field, "must be at least 1"));
        }
    }
    let cgroup = file.runtime.cgroup.trim_end_matches('/').to_owned();
    if !cgroup.starts_with('/')
        || cgroup
            .split('/')
            .skip(1)
            .any(|part| matches!(part, "" | "." | ".."))
    {
        return Err(invalid(
            "runtime.cgroup",
            "must be an absolute path below the root, without `.` and `..`",
        ));
    }
    let speed = file.runtime.sim.speed;
    if !speed.is_finite() || speed <= 0.0 {
        return Err(invalid("runtime.sim.speed", "must be a positive number"));
    }
    if speed != 1.0 && file.runtime.sim.time != SimTime::Scaled {
        let reason = "needs `time = \"scaled\"`";
        return Err(invalid("runtime.sim.speed", reason));
    }
    if !(1..=300).contains(&file.lifecycle.max_restart_delay_seconds) {
        let field = "lifecycle.max_restart_delay_seconds";
        return Err(invalid(field, "must be between 1 and 300"));
    }
    file.images
        .validate()
        .map_err(|error| invalid("images", error.to_string()))?;
    let subnet = file.network.subnet.as_deref().map(str::parse).transpose();
    let network = NetworkConfig {
        bridge: file.network.bridge,
        table: file.network.table,
        subnet: subnet.map_err(|error| invalid("network.subnet", format!("{error}")))?,
        mtu: file.network.mtu,
    };
    Ok(Config {
        node_name: node_name(file.node_name)?,
        runtime: file.runtime.kind,
        sim: file.runtime.sim,
        shim: file.runtime.shim.map_or_else(beside_us, Ok)?,
        data_dir: file.data_dir,
        socket: file.socket,
        socket_group: file.socket_group,
        tcp: file.tcp,
        worker_threads: file.worker_threads,
        shutdown_timeout: Duration::from_secs(file.shutdown_timeout_seconds),
        cgroup,
        rules: lifepod_lifecycle::Settings {
            max_restart_delay: Duration::from_secs(file.lifecycle.max_restart_delay_seconds),
            contact_limit: Duration::from_secs(file.lifecycle.contact_limit_seconds),
        },
        network,
        registries: file.images,
        history_age: Duration::from_secs(file.journal.keep_hours.saturating_mul(3600)),
        history_bytes: file.journal.keep_mebibytes.saturating_mul(1 << 20),
        history_revisions: (file.journal.keep_revisions > 0).then_some(file.journal.keep_revisions),
        request_window: Duration::from_secs(file.journal.request_window_seconds),
        request_count: file.journal.request_window_count,
        limits: file.limits,
        log_filter: file.log.filter,
        log_format: file.log.format,
    })
}

fn absolute(field: &'static str, path: &Path) -> Result<(), ConfigError> {
    if path.is_absolute() {
        Ok(())
    } else {
        Err(invalid(field, "must be an absolute path"))
    }
}

/// The given name or the host's, which Kubernetes wants in lower case.
fn node_name(given: Option<String>) -> Result<String, ConfigError> {
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .to_lowercase();
    let name = given.unwrap_or(host);
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    if name.is_empty() || name.len() > 253 || !name.chars().all(plain) {
        return Err(invalid(
            "node_name",
            format!("`{name}` is not a DNS subdomain name"),
        ));
    }
    Ok(name)
}

fn beside_us() -> Result<PathBuf, ConfigError> {
    let us = std::env::current_exe().map_err(|error| invalid("runtime.shim", error.to_string()))?;
    Ok(us.with_file_name("lifepod-shim"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        let file = toml::from_str(text).map_err(|error| error.to_string())?;
        validate(file).map_err(|error| error.to_string())
    }

    #[test]
    fn the_printed_defaults_are_the_defaults() {
        let printed = format!("{:?}", toml::from_str::<File>(DEFAULT).expect("valid"));
        assert_eq!(printed, format!("{:?}", File::default()));
    }

    #[test]
    fn tcp_beyond_loopback_is_refused() {
        assert!(parse("tcp = \"127.0.0.1:7080\"").is_ok());
        let error = parse("tcp = \"0.0.0.0:7080\"").unwrap_err();
        assert!(error.contains("`tcp`") && error.contains("TLS"), "{error}");
    }

    #[test]
    fn bad_values_name_their_field() {
        for (text, field) in [
            ("data_dir = \"relative\"", "data_dir"),
            ("worker_threads = 0", "worker_threads"),
            ("[runtime]\ncgroup = \"/a/../b\"", "runtime.cgroup"),
            ("[runtime.sim]\nspeed = 0", "runtime.sim.speed"),
            ("[runtime.sim]\nspeed = 2.0", "runtime.sim.speed"),
            (
                "[lifecycle]\nmax_restart_delay_seconds = 301",
                "lifecycle.max_restart_delay_seconds",
            ),
            ("[network]\nsubnet = \"10.0.0.0/33\"", "network.subnet"),
            ("node_name = \"Not A Name\"", "node_name"),
            ("unknown = 1", "unknown"),
            ("[limits]\nunknown = 1", "unknown"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(field), "{text}: {error}");
        }
    }

    #[test]
    fn flags_win_over_the_file() {
        let settings = Settings {
            node_name: Some("flag".into()),
            ..Settings::default()
        };
        let file = File {
            node_name: Some("file".into()),
            ..File::default()
        };
        assert_eq!(
            overridden(file, &settings).node_name.as_deref(),
            Some("flag")
        );
    }
}
