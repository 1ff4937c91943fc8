//! `lifepod-load`: measures a real server from the outside, next to other runtimes in the same run.
//!
//! Machines drift, so every figure that is a goal stands beside an anchor that was measured in
//! turns with it. The server, the registry and the image are real; everything is made in
//! temporary folders and taken away again, which is checked.
//!
//! The same program is also the anchor "bare libcontainer": run as `lifepod-load libcontainer`, it
//! is one single-threaded process that makes one container and ends.

mod bundle;
mod contender;
mod hidden;
mod journal;
mod lifepod;
mod machine;
mod observer;
mod once;
mod processes;
mod quiet;
mod report;
mod samples;
mod start;
mod watch;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Measure Lifepod from the outside.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Starting, ending, deleting pods; memory and idle load
    Start(start::Options),
    /// One change and many watchers
    Watch(watch::Options),
    /// Durable mutations a second through gRPC
    Journal(journal::Options),
    /// Serve the limit that `watch` compares with
    #[command(hide = true)]
    Bare(watch::BareArgs),
    /// Make or remove one container with libcontainer, and end (used by `start`)
    #[command(hide = true)]
    Libcontainer(once::Args),
}

fn main() -> ExitCode {
    // Before anything makes a thread: libcontainer forks.
    let done = match Cli::parse().what {
        What::Libcontainer(args) => once::run(&args),
        What::Bare(args) => watch::run_bare(&args),
        What::Start(options) => start::run(&options).map(|report| print(&report)),
        What::Journal(options) => journal::run(&options).map(|report| print(&report)),
        What::Watch(options) => watch::run(&options).map(|report| print(&report)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "figures are what this program is for")]
fn print(report: &dyn std::fmt::Display) {
    println!("{report}");
}
