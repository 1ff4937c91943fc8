//! `lifepod`, the command line client.
//!
//! Columns, texts and exit codes are kubectl's wherever kubectl has them. Data goes to stdout, everything else to
//! stderr. Nothing is coloured, so `NO_COLOR` has nothing to switch off; progress is drawn only on a terminal.
//!
//! Exit codes: 0; 1 when something went wrong, which stderr says; that of the command for `exec` and `attach`; 141 when
//! nobody reads stdout any more.

pub mod args;
mod commands;
mod containers;
pub mod describe;
mod duration;
pub mod events;
pub mod failure;
pub mod get;
mod output;
pub mod render;
mod targets;
mod terminal;
mod usage;

use std::ffi::OsString;

use clap::Parser;

/// Runs a command line; gives back the exit code. Everything there is to tell has been told.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> i32 {
    let cli = match args::Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return usage::tell(&error),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let result = match runtime {
        Ok(runtime) => {
            let result = runtime.block_on(commands::run(cli));
            // A read of stdin that nobody waits for any more must not hold the process.
            runtime.shutdown_background();
            result
        }
        Err(error) => Err(error.into()),
    };
    match result {
        Ok(code) => code,
        Err(failure) => {
            if let Some(text) = failure.text() {
                output::note(&text);
            }
            failure.exit_code()
        }
    }
}
