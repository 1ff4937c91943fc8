//! Containers that end: by themselves, or because their grace period is over.

use super::Bench;
use crate::lifepod;
use anyhow::Result;
use std::{process, time::Duration};

/// Longer than anything here takes.
const FOREVER: &str = "100000";
const GRACE_SECONDS: u32 = 2;
const STUBBORN_PODS: u32 = 3;

pub(super) fn measure(bench: &mut Bench<'_>) -> Result<()> {
    for number in 0..bench.options.exits {
        killed(bench, number)?;
    }
    for number in 0..STUBBORN_PODS {
        stubborn(bench, number)?;
    }
    Ok(())
}

/// A process is killed behind the server's back.
fn killed(bench: &mut Bench<'_>, number: u32) -> Result<()> {
    let name = format!("killed-{number}");
    // By its argument the process is found, on a machine where others may sleep too.
    let seconds = (100_000 + process::id() % 100_000) * 10_000 + number;
    let argument = seconds.to_string();
    let pod = lifepod::pod_with(&name, &["sleep", &argument], "Never", 30)?;
    let runtime = bench.runtime;
    runtime.block_on(bench.lifepod.start(pod))?;
    bench.quiet.pause();
    let [since_kill, since_record] = runtime.block_on(bench.lifepod.kill(&name, &argument))?;
    bench
        .figures
        .series("exit", "since the kill")
        .add(since_kill);
    bench
        .figures
        .series("exit", "since the record")
        .add(since_record);
    runtime.block_on(bench.lifepod.delete(&name))?;
    Ok(())
}

/// The first process of a pid namespace ignores signals without a handler: `sleep` has none.
fn stubborn(bench: &mut Bench<'_>, number: u32) -> Result<()> {
    let name = format!("stubborn-{number}");
    let pod = lifepod::pod_with(&name, &["sleep", FOREVER], "Always", GRACE_SECONDS)?;
    let runtime = bench.runtime;
    runtime.block_on(bench.lifepod.start(pod))?;
    bench.quiet.pause();
    let outlasted = runtime.block_on(bench.lifepod.outlast(&name))?;
    let grace = Duration::from_secs(GRACE_SECONDS.into());
    let late = bench.figures.series("late", "after the grace period");
    late.add(outlasted.saturating_sub(grace));
    Ok(())
}
