//! Starts the shim's program.

use std::{
    fs, io,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use lifepod_shim::{SandboxConfig, SandboxDir};
use tokio::time::timeout;

use super::ShimError;

/// How long a sandbox may take to come up.
const READY: Duration = Duration::from_secs(30);

/// Writes the configuration and runs the starter, which ends when the shim is ready.
pub(super) async fn start(program: &Path, dir: &SandboxDir, config: &SandboxConfig) -> Result<(), ShimError> {
    let (program, dir, config) = (program.to_owned(), dir.clone(), config.clone());
    let started = tokio::task::spawn_blocking(move || run(&program, &dir, &config));
    let started = timeout(READY, started).await.map_err(|_| ShimError::TimedOut)?;
    started.map_err(io::Error::other)?
}

fn run(program: &Path, dir: &SandboxDir, config: &SandboxConfig) -> Result<(), ShimError> {
    let json = serde_json::to_vec(config).map_err(io::Error::from)?;
    fs::write(dir.config(), json)?;
    let output = Command::new(program)
        .arg("--sandbox")
        .arg(dir.path())
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(ShimError::Start { message })
}
