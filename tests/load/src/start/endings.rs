//! Containers that end: killed behind the server's back, or because their grace period is over.
//!
//! The kill is the start of an exit's time: the kernel ends the process a moment after it.

use super::Bench;
use crate::lifepod;
use anyhow::{Result, ensure};
use lifepod_client::{DeleteOptions, proto::Pod};
use std::{process, time::Duration};

/// Longer than anything here takes.
const FOREVER: &str = "100000";
const GRACE_SECONDS: u32 = 2;
const STUBBORN_PODS: u32 = 3;
/// Containers that may be killed while a burst of pods starts.
const VICTIMS: u32 = 40;

pub(super) fn measure(bench: &mut Bench<'_>) -> Result<()> {
    for number in 0..bench.options.exits {
        killed(bench, number)?;
    }
    let (mut number, mut seen) = (bench.options.exits, 0);
    while seen < bench.options.exits as usize {
        seen += killed_under_load(bench, number)?;
        number += VICTIMS;
    }
    for number in 0..STUBBORN_PODS {
        stubborn(bench, number)?;
    }
    Ok(())
}

/// A process is killed behind the server's back.
fn killed(bench: &mut Bench<'_>, number: u32) -> Result<()> {
    let (name, argument, pod) = victim(number)?;
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

/// The same while as many pods start as make a burst; answers how many of them ended meanwhile.
fn killed_under_load(bench: &mut Bench<'_>, first: u32) -> Result<usize> {
    let (mut victims, mut pods) = (Vec::new(), Vec::new());
    for number in first..first + VICTIMS {
        let (name, argument, pod) = victim(number)?;
        victims.push((name, argument));
        pods.push(pod);
    }
    let others: Vec<_> = (0..bench.options.burst)
        .map(|number| format!("beside-{first}-{number}"))
        .collect();
    let beside: Result<Vec<_>> = others.iter().map(|name| lifepod::pod(name)).collect();
    let runtime = bench.runtime;
    runtime.block_on(bench.lifepod.start_all(pods))?;
    bench.quiet.pause();
    let took = runtime.block_on(bench.lifepod.kill_while_starting(&victims, beside?))?;
    ensure!(!took.is_empty(), "the pods start faster than one ends");
    for [since_kill, since_record] in &took {
        let mut add = |since, took: &Duration| {
            let series = bench.figures.series("exit while pods start", since);
            series.add(*took);
        };
        add("since the kill", since_kill);
        add("since the record", since_record);
    }
    let victims = victims.into_iter().map(|(name, _)| name);
    let names: Vec<_> = victims.chain(others).collect();
    let deletion = bench.lifepod.delete_all(&names, DeleteOptions::default());
    runtime.block_on(deletion)?;
    Ok(took.len())
}

/// A pod whose process is found by its argument, on a machine where others may sleep too.
fn victim(number: u32) -> Result<(String, String, Pod)> {
    let name = format!("killed-{number}");
    let seconds = (100_000 + process::id() % 100_000) * 10_000 + number;
    let argument = seconds.to_string();
    let pod = lifepod::pod_with(&name, &["sleep", &argument], "Never", 30)?;
    Ok((name, argument, pod))
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
