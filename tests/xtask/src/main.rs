//! `cargo xtask`: what a developer of Lifepod does more than once.
//!
//! Each command is a thin arrangement of programs and of the fixtures in `lifepod-tests`; what it
//! reports on goes to standard output, what it is doing to standard error.

#![expect(
    clippy::print_stdout,
    reason = "what these tasks find out is their output"
)]

mod bench;
mod chaos;
mod demo;
mod images;
mod oracle;
mod scenarios;
mod setup;
mod steps;
mod test;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Developer tasks of Lifepod.
///
/// Start with `cargo xtask setup`, then `cargo xtask demo` to see it work and `cargo xtask test`
/// to prove that it does.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    arg_required_else_help = true
)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    Setup(setup::Args),
    Demo(demo::Args),
    Test(test::Args),
    Bench(bench::Args),
    Chaos(chaos::Args),
    Images(images::Args),
    Oracle(oracle::Args),
    Scenarios(scenarios::Args),
    /// Run what continuous integration runs: format, lints, documentation, tests (`.ci/run`)
    Ci,
}

fn main() -> ExitCode {
    let Cli { task } = Cli::parse();
    match run(task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    match task {
        Task::Setup(args) => setup::run(&args),
        Task::Demo(args) => demo::run(&args),
        Task::Test(args) => test::run(&args),
        Task::Bench(args) => bench::run(&args),
        Task::Chaos(args) => chaos::run(&args),
        Task::Images(args) => images::run(&args),
        Task::Oracle(args) => oracle::run(&args),
        Task::Scenarios(args) => scenarios::run(&args),
        Task::Ci => steps::run(&mut steps::program(".ci/run")),
    }
}
