//! Figures.

use crate::{setup, steps};
use anyhow::Result;

/// Measure, with optimized builds; figures go to standard output
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: Subject,
}

#[derive(Debug, clap::Subcommand)]
enum Subject {
    /// Starting, ending and deleting pods, memory and idle load, next to other runtimes in the same run
    ///
    /// With --runs 3 everything is repeated and medians are reported. See `-- --help` for more.
    Start {
        /// Passed on to the measuring program
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
    /// Durable mutations a second, at the engine and through gRPC
    ///
    /// See `-- --help` for more.
    Journal {
        /// Passed on to the measuring program
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
    /// One change to the last of many watchers, next to a bare tonic server; idle watchers; resume
    ///
    /// See `-- --help` for more.
    Watch {
        /// Passed on to the measuring program
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
    /// Attaching pods to the network and detaching them
    Network {
        /// How many pods
        #[arg(long, default_value_t = 200)]
        pods: u16,
    },
}

pub(crate) fn run(args: &Args) -> Result<()> {
    match &args.what {
        Subject::Start { .. } => setup::ensure_compared()?,
        _ => setup::ensure()?,
    }
    match &args.what {
        Subject::Start { rest } => {
            let program = ["-p", "lifepod-load", "--", "start"];
            run_optimized(&program, rest)
        }
        Subject::Journal { rest } => {
            let mut engine = steps::cargo();
            engine.args([
                "bench",
                "--quiet",
                "-p",
                "lifepod-engine",
                "--bench",
                "journal",
            ]);
            steps::run(&mut engine)?;
            run_optimized(&["-p", "lifepod-load", "--", "journal"], rest)
        }
        Subject::Watch { rest } => run_optimized(&["-p", "lifepod-load", "--", "watch"], rest),
        Subject::Network { pods } => {
            let program = ["-p", "lifepod-oci", "--example", "network_latency", "--"];
            run_optimized(&program, &[pods.to_string()])
        }
    }
}

fn run_optimized(program: &[&str], arguments: &[String]) -> Result<()> {
    let mut command = steps::cargo();
    command.args(["run", "--release", "--quiet"]).args(program);
    steps::run(command.args(arguments))
}
