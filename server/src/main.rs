//! `lifepodd`: arguments → configuration → telemetry → wiring → serve → drain.

mod args;
mod config;
#[cfg(feature = "failpoints")]
mod faults;
mod journal;
mod listen;
mod notify;
mod serve;
mod simulate;
mod store;
mod telemetry;
mod wire;

use std::{io::Write as _, process::ExitCode};

use anyhow::{Context as _, Result};
use args::{Cli, Command, ConfigCommand, Settings};
use clap::Parser as _;
use config::Config;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

fn main() -> ExitCode {
    let Cli { settings, command } = Cli::parse();
    let done = match command.unwrap_or(Command::Run) {
        Command::Run => run(&settings),
        Command::Config(ConfigCommand::Check) => check(&settings),
        Command::Config(ConfigCommand::PrintDefault) => print(config::DEFAULT),
        Command::Store(command) => store::run(&settings, &command),
        Command::Cleanup => cleanup(&settings),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lifepodd: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(settings: &Settings) -> Result<()> {
    let config = Config::load(settings)?;
    telemetry::install(&config)?;
    raise_open_files();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(config.worker_threads)
        .enable_all()
        .build()
        .context("no threads")?;
    let done = runtime.block_on(serve::serve(config));
    // Blocking work that is stuck, in a dead network for example, must not hold the process.
    runtime.shutdown_background();
    done
}

fn check(settings: &Settings) -> Result<()> {
    let config = Config::load(settings)?;
    print(&format!(
        "the configuration is valid; data in {}\n",
        config.data_dir.display()
    ))
}

fn cleanup(settings: &Settings) -> Result<()> {
    let config = Config::load(settings)?;
    lifepod_oci::network::Network::remove(&config.network)
        .context("cannot remove the pods' network")
}

fn print(text: &str) -> Result<()> {
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("cannot write")
}

/// One descriptor per connection and more per exec: as many as may be had without asking.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::debug!(%error, "the limit of open files stays");
    }
}
