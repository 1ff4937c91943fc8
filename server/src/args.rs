//! What was typed. What it means is in [`crate::config`].

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::config::RuntimeKind;

/// Kubernetes Pods without a cluster.
#[derive(Debug, Parser)]
#[command(name = "lifepodd", version)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) settings: Settings,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve (the default)
    Run,
    /// Look at the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Look at the journal of a stopped server, and get out of damage
    #[command(subcommand)]
    Store(StoreCommand),
    /// Remove the pods' network (bridge, links, firewall table) after the last pod is gone
    Cleanup,
}

/// What to do with the configuration.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check file, environment and flags without serving
    Check,
    /// Print the commented default configuration
    PrintDefault,
}

/// What to do with the journal.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Read everything, change nothing: list the files and what is wrong with them
    Check {
        /// Directory of the journal [default: `journal` in the data directory]
        #[arg(long)]
        dir: Option<PathBuf>,
    },
    /// Write everything that can be read as one JSON object per line
    Export {
        /// Directory of the journal [default: `journal` in the data directory]
        #[arg(long)]
        dir: Option<PathBuf>,
    },
    /// Drop history that is not to be kept
    Compact(CompactArgs),
    /// Copy everything up to the first damaged place into a new store
    Salvage {
        /// Directory of the damaged journal [default: `journal` in the data directory]
        #[arg(long)]
        dir: Option<PathBuf>,
        /// Directory of the new journal; must be empty or missing
        #[arg(long)]
        into: PathBuf,
    },
}

/// What is kept; what is not said is as configured.
#[derive(Clone, Debug, Args)]
pub(crate) struct CompactArgs {
    /// Directory of the journal [default: `journal` in the data directory]
    #[arg(long)]
    pub(crate) dir: Option<PathBuf>,
    /// Keep history at most this long
    #[arg(long)]
    pub(crate) keep_hours: Option<u64>,
    /// Keep at most this much of it
    #[arg(long)]
    pub(crate) keep_mebibytes: Option<u64>,
    /// Keep at least this many revisions, and no files with older ones alone
    #[arg(long)]
    pub(crate) keep_revisions: Option<u64>,
}

/// Flags that override the configuration file; each has an environment variable.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Settings {
    /// Configuration file [default: /etc/lifepod/lifepodd.toml, if it exists]
    #[arg(long, global = true, env = "LIFEPODD_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Where images, pods, logs and the journal are kept
    #[arg(long, global = true, env = "LIFEPODD_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Unix socket to serve on
    #[arg(long, global = true, env = "LIFEPODD_SOCKET")]
    pub(crate) socket: Option<PathBuf>,
    /// Loopback address to serve on as well, for example 127.0.0.1:7080
    #[arg(long, global = true, env = "LIFEPODD_TCP")]
    pub(crate) tcp: Option<SocketAddr>,
    /// Name of this node, as pods show it [default: the host name]
    #[arg(long, global = true, env = "LIFEPODD_NODE_NAME")]
    pub(crate) node_name: Option<String>,
    /// What runs the pods: oci (containers) or sim (a simulation, see docs/simulator.md)
    #[arg(long, global = true, env = "LIFEPODD_RUNTIME")]
    pub(crate) runtime: Option<RuntimeKind>,
    /// What to log: error, warn, info, debug, or a filter such as lifepod_engine=debug
    #[arg(long, global = true, env = "LIFEPODD_LOG")]
    pub(crate) log: Option<String>,
}
