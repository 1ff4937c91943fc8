//! Running programs from the workspace's root, and saying how long things took.

use anyhow::{Context, Result, ensure};
use std::{
    env,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

/// The workspace's root folder.
pub(crate) fn workspace() -> &'static Path {
    // This crate is `<workspace>/tests/xtask`.
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.ancestors().nth(2).unwrap_or(xtask)
}

/// A program to be run in the workspace's root; a relative path is taken from there.
pub(crate) fn program(name: &str) -> Command {
    let local = workspace().join(name);
    let mut command = if local.is_file() {
        Command::new(local)
    } else {
        Command::new(name)
    };
    command.current_dir(workspace());
    command
}

/// The cargo that runs this.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace());
    command
}

/// Runs a program to its end; its failure is ours.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command
        .status()
        .with_context(|| format!("cannot run `{name}`"))?;
    ensure!(status.success(), "`{}` failed: {status}", line(command));
    Ok(())
}

/// Does one named thing and says how long it took.
pub(crate) fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let started = Instant::now();
    eprintln!("==> {what}");
    let result = work();
    let outcome = if result.is_ok() { "done" } else { "failed" };
    eprintln!("<== {what}: {outcome} in {}", short(started.elapsed()));
    result
}

/// A duration in three digits or so.
pub(crate) fn short(duration: Duration) -> String {
    match duration.as_secs_f64() {
        seconds if seconds >= 100.0 => format!("{seconds:.0} s"),
        seconds if seconds >= 1.0 => format!("{seconds:.1} s"),
        seconds => format!("{:.1} ms", seconds * 1000.0),
    }
}

fn line(command: &Command) -> String {
    let words = [command.get_program()]
        .into_iter()
        .chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}
