//! Log lines on standard error.

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{Config, LogFormat};

/// Installs the log, once.
///
/// # Errors
/// If the filter is not one.
pub(crate) fn install(config: &Config) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.log_filter)
        .map_err(|error| anyhow::anyhow!("`log.filter`: {error}"))?;
    let lines = fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false);
    match config.log_format {
        LogFormat::Text => lines.init(),
        LogFormat::Compact => lines.compact().init(),
    }
    Ok(())
}
