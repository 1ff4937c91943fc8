//! Puts the parts together; the only place that knows all concrete types.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use lifepod_engine::{Engine, EngineConfig};
use lifepod_lifecycle::{port::Runtime, time::Timestamp};
use lifepod_oci::{DriverConfig, OciDriver, network};
use lifepod_store::{
    disk::RealDisk,
    journal::{DurableJournal, JournalOptions, RequestWindow},
    log::Retention,
};

use crate::config::Config;

/// The running parts behind the API.
pub(crate) struct Parts {
    pub(crate) engine: Engine,
    pub(crate) driver: Arc<OciDriver>,
}

/// Opens the store, the runtime and the engine. Completes when everything that happened while no
/// server ran has been recorded.
///
/// # Errors
/// In the words of the part that cannot work.
pub(crate) async fn start(config: &Config) -> Result<Parts> {
    let journal = open_journal(config).context("cannot open the journal")?;
    let driver =
        Arc::new(OciDriver::open(driver_config(config)).context("cannot open the runtime")?);
    let runtime: Arc<dyn Runtime> = Arc::clone(&driver) as _;
    let engine_config = EngineConfig {
        node: config.node_name.as_str().into(),
        command_lane: config.limits.queued_mutations,
        request_window: config.request_window,
        request_limit: config.request_count,
        ..EngineConfig::default()
    };
    let engine = Engine::start(engine_config, Box::new(journal), runtime, None).await?;
    Ok(Parts { engine, driver })
}

fn open_journal(config: &Config) -> Result<DurableJournal> {
    let directory = config.data_dir.join("journal");
    let disk = RealDisk::new(&directory)
        .with_context(|| format!("cannot use `{}`", directory.display()))?;
    let options = JournalOptions {
        retention: Retention {
            age: Some(config.history_age),
            revisions: None,
            bytes: Some(config.history_bytes),
            from: None,
        },
        requests: RequestWindow {
            age: config.request_window,
            count: config.request_count,
        },
        ..JournalOptions::default()
    };
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    let now = Timestamp(i64::try_from(now.as_nanos()).unwrap_or(i64::MAX));
    Ok(DurableJournal::open(Arc::new(disk), options, now)?)
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

/// 1 or 2.
pub(crate) fn cgroup_version() -> u32 {
    if std::path::Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
        2
    } else {
        1
    }
}
