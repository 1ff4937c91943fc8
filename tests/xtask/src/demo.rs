//! The article's pod, run for real.

use crate::{setup, steps::step};
use anyhow::{Result, ensure};
use lifepod_tests::fixtures::{Daemon, Leaks, Stage, nginx};
use std::time::Duration;

/// The kernel takes namespaces and what is in them apart a little after their last process.
const PATIENCE: Duration = Duration::from_secs(10);

/// Run the lifecycle demo: a registry on loopback, a server on a temporary folder, the pod of
/// docs/examples/lifecycle-demo.yaml; each step with its time, and nothing left behind
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_args: &Args) -> Result<()> {
    setup::ensure()?;
    let image = step("make the nginx image", nginx)?;
    let stage = step("build the binaries, start a registry", Stage::set_up)?;
    step("push library/nginx:latest", || {
        stage.registry.push(&image, "library/nginx", "latest")
    })?;
    let leaks = stage.watch_leaks()?;
    let daemon = step("start lifepodd", || stage.start_daemon())?;
    let stopped = step("stop lifepodd", || Daemon::stop(daemon))?;
    ensure!(stopped.success(), "lifepodd ended with {stopped}");
    check_leaks(&leaks)
}

fn check_leaks(leaks: &Leaks) -> Result<()> {
    step(
        "nothing left behind: process, mount, interface, nft table, cgroup",
        || leaks.expect_none(PATIENCE),
    )
}
