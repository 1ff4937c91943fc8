//! Puts the parts together; the only place that knows all concrete types.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use lifepod_api::Stepping;
use lifepod_engine::{Engine, EngineConfig};
use lifepod_lifecycle::port::{Images, Runtime, Streams};
use lifepod_oci::{DriverConfig, OciDriver, network};
use lifepod_store::journal::DurableJournal;

use crate::{
    config::{Config, RuntimeKind},
    journal, simulate,
};

/// The running parts behind the API.
pub(crate) struct Parts {
    pub(crate) engine: Engine,
    pub(crate) images: Arc<dyn Images>,
    pub(crate) streams: Arc<dyn Streams>,
    /// Moves the time, if it does not move by itself.
    pub(crate) stepping: Option<Arc<dyn Stepping>>,
}

/// Opens the store, the runtime and the engine. Completes when everything that happened while no
/// server ran has been recorded.
///
/// # Errors
/// In the words of the part that cannot work.
pub(crate) async fn start(config: &Config) -> Result<Parts> {
    let journal = journal::open(config).context("cannot open the journal")?;
    match config.runtime {
        RuntimeKind::Oci => start_oci(config, journal).await,
        RuntimeKind::Sim => simulate::start(config, engine_config(config), journal).await,
    }
}

async fn start_oci(config: &Config, journal: DurableJournal) -> Result<Parts> {
    let driver =
        Arc::new(OciDriver::open(driver_config(config)).context("cannot open the runtime")?);
    let runtime: Arc<dyn Runtime> = Arc::clone(&driver) as _;
    let engine = Engine::start(engine_config(config), Box::new(journal), runtime, None).await?;
    Ok(Parts {
        engine,
        images: Arc::clone(&driver) as _,
        streams: driver,
        stepping: None,
    })
}

fn engine_config(config: &Config) -> EngineConfig {
    EngineConfig {
        node: config.node_name.as_str().into(),
        command_lane: config.limits.queued_mutations,
        request_window: config.request_window,
        request_limit: config.request_count,
        rules: config.rules,
        ..EngineConfig::default()
    }
}

fn driver_config(config: &Config) -> DriverConfig {
    DriverConfig {
        node: config.node_name.clone(),
        data_dir: config.data_dir.clone(),
        shim: config.shim.clone(),
        cgroup_root: config.cgroup.clone(),
        registries: config.registries.clone(),
        network: config.network.clone(),
    }
}

/// Addresses of this node, as pods on the host's network have them.
pub(crate) fn node_ips() -> Vec<std::net::IpAddr> {
    vec![network::host_ip().into()]
}

/// 1 or 2; 0 if no pod has a cgroup.
pub(crate) fn cgroup_version(runtime: RuntimeKind) -> u32 {
    if runtime == RuntimeKind::Sim {
        0
    } else if std::path::Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
        2
    } else {
        1
    }
}
