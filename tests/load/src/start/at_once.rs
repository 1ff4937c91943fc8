//! Many containers at once, and what they cost while they do nothing.

use super::{Bench, SETTLE};
use crate::{
    contender::Contender,
    lifepod,
    machine::available_kib,
    processes::{processor_time, pss_kib, shims},
    quiet::Quiet,
};
use anyhow::{Context, Result, anyhow, ensure};
use lifepod_client::DeleteOptions;
use std::{
    thread,
    time::{Duration, Instant},
};

pub(super) fn measure(bench: &mut Bench<'_>) -> Result<()> {
    for number in 0..bench.options.bursts {
        through_lifepod(bench, number)?;
        for contender in bench.contenders.iter().filter(|tool| tool.every_round()) {
            let took = through_contender(
                contender.as_ref(),
                &mut bench.quiet,
                number,
                bench.options.burst,
            )?;
            bench.figures.series("burst", contender.name()).add(took);
        }
    }
    Ok(())
}

fn through_lifepod(bench: &mut Bench<'_>, number: u32) -> Result<()> {
    let names: Vec<_> = (0..bench.options.burst)
        .map(|pod| format!("burst-{number}-{pod}"))
        .collect();
    let pods: Result<Vec<_>> = names.iter().map(|name| lifepod::pod(name)).collect();
    thread::sleep(SETTLE);
    bench.quiet.pause();
    let before = available_kib()?;
    let took = bench.runtime.block_on(bench.lifepod.start_all(pods?))?;
    bench.figures.series("burst", "lifepod").add(took);
    thread::sleep(SETTLE);
    cost(bench, before, number)?;
    if number == 0 {
        idle_load(bench)?;
    }
    let deletion = bench.lifepod.delete_all(&names, DeleteOptions::default());
    let gone = bench.runtime.block_on(deletion)?;
    bench.figures.series("burst remove", "lifepod").add(gone);
    Ok(())
}

/// Memory per pod, in MiB, kept as if it were a time: the middle of the bursts counts.
fn cost(bench: &mut Bench<'_>, before_kib: f64, number: u32) -> Result<()> {
    let pods = f64::from(bench.options.burst);
    let shims = shims(&bench.folder);
    ensure!(
        shims.len() == bench.options.burst as usize,
        "{} shims for {pods} pods",
        shims.len()
    );
    let pss: Result<Vec<f64>> = shims.iter().map(|pid| pss_kib(*pid)).collect();
    let mib_each = |kib: f64| kib / pods / 1024.0;
    let available = mib_each(before_kib - available_kib()?);
    let name = |what: &str| format!("{what} {number}");
    bench.figures.number(&name("pod memory"), available);
    bench
        .figures
        .number(&name("shim pss"), mib_each(pss?.iter().sum()));
    Ok(())
}

/// Processor time of the server and all shims while the pods do nothing, in percent of a core.
fn idle_load(bench: &mut Bench<'_>) -> Result<()> {
    let mut all = shims(&bench.folder);
    all.push(bench.daemon);
    let total = || -> Result<Duration> { all.iter().map(|pid| processor_time(*pid)).sum() };
    let (began, before) = (Instant::now(), total()?);
    thread::sleep(Duration::from_secs(bench.options.idle.into()));
    let (used, elapsed) = (total()?.saturating_sub(before), began.elapsed());
    let percent = 100.0 * used.as_secs_f64() / elapsed.as_secs_f64();
    bench.figures.number("idle load", percent);
    Ok(())
}

/// One thread per container, as a shell with `&` would do it.
fn through_contender(
    contender: &dyn Contender,
    quiet: &mut Quiet,
    number: u32,
    count: u32,
) -> Result<Duration> {
    let ids: Vec<_> = (0..count).map(|n| format!("burst-{number}-{n}")).collect();
    ids.iter().try_for_each(|id| contender.prepare(id))?;
    thread::sleep(SETTLE);
    quiet.pause();
    let began = Instant::now();
    let started = thread::scope(|scope| {
        let threads: Vec<_> = ids
            .iter()
            .map(|id| scope.spawn(move || contender.start(id)))
            .collect();
        threads.into_iter().try_for_each(|thread| {
            let done = thread.join();
            done.unwrap_or_else(|_| Err(anyhow!("a starting thread panicked")))
        })
    });
    let took = began.elapsed();
    let removed = ids.iter().try_for_each(|id| contender.remove(id));
    started.context("at once")?;
    removed?;
    Ok(took)
}
