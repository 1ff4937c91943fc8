//! The whole test suite.

use crate::{setup, steps};
use anyhow::Result;
use std::{env, path::PathBuf};

const SERVER: &str = "lifepod-server";
/// Lets tests kill the server at named points.
const FAILPOINTS: [&str; 2] = ["--features", "lifepod-server/failpoints"];

/// Build everything and run all tests: unit, property, in-memory and whole-system
///
/// Whole-system tests start the real binaries with real containers, so this must run as root.
/// Without root, `cargo test -p <crate>` still runs what needs none.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this package; may be given more than once
    #[arg(short, long)]
    package: Vec<String>,
    /// Passed on to `cargo test`: a filter, or after another `--` options of the test programs
    #[arg(last = true)]
    rest: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    setup::ensure()?;
    // Together, because the tests' dependencies have features of their own: built apart, most
    // crates would be built twice.
    steps::step("build the binaries and the tests", || {
        let build = ["build", "--workspace", "--bins", "--tests", "--locked"];
        steps::run(steps::cargo().args(build).args(FAILPOINTS))
    })?;
    steps::step("test", || {
        let mut command = steps::cargo();
        command
            .args(["test", "--locked"])
            .env("LIFEPOD_BIN_DIR", binaries());
        if args.package.is_empty() {
            command.arg("--workspace");
        }
        if args.package.is_empty() || args.package.iter().any(|name| name == SERVER) {
            // The same features as above, so that the binaries under test stay what they are.
            command.args(FAILPOINTS);
        }
        for package in &args.package {
            command.args(["--package", package]);
        }
        steps::run(command.args(&args.rest))
    })
}

/// Where cargo puts the binaries of the profile that tests use.
fn binaries() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    // Tests run in their packages' folders; a relative path is taken from the workspace's.
    steps::workspace().join(target).join("debug")
}
