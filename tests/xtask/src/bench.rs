//! Figures.

use crate::{setup, steps};
use anyhow::Result;
use clap::ValueEnum;

/// Measure, with optimized builds; figures go to standard output
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to measure
    what: Subject,
    /// How many pods, where it applies
    #[arg(long, default_value_t = 200)]
    pods: u16,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Subject {
    /// Attaching pods to the network and detaching them
    Network,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    setup::ensure()?;
    match args.what {
        Subject::Network => {
            let pods = args.pods.to_string();
            let example = [
                "-p",
                "lifepod-oci",
                "--example",
                "network_latency",
                "--",
                &pods,
            ];
            steps::run(
                steps::cargo()
                    .args(["run", "--release", "--quiet"])
                    .args(example),
            )
        }
    }
}
