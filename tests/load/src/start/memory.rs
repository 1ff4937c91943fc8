//! What the server needs when it has nothing to do.

use super::{Bench, Figures, SETTLE};
use crate::{
    lifepod,
    processes::{pss_kib, shims},
};
use anyhow::{Result, ensure};
use lifepod_client::{DeleteOptions, proto::PodPhase};
use std::{thread, time::Duration};

/// Pods that run at the same time while many are being made.
const BATCH: u32 = 20;
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that has just started, with an empty store.
pub(super) fn idle(figures: &mut Figures, daemon: u32) -> Result<()> {
    thread::sleep(SETTLE);
    figures.number("server idle", pss_kib(daemon)? / 1024.0);
    Ok(())
}

/// A server that knows many pods. They have run `true` and succeeded: records with a whole
/// history, whose processes are gone.
pub(super) fn known(bench: &mut Bench<'_>) -> Result<()> {
    let names: Vec<_> = (0..bench.options.known)
        .map(|number| format!("known-{number}"))
        .collect();
    for batch in names.chunks(BATCH as usize) {
        bench.runtime.block_on(finish(&mut bench.lifepod, batch))?;
    }
    thread::sleep(SETTLE);
    let shims = shims(&bench.folder).len();
    ensure!(shims == 0, "{shims} shims of finished pods");
    bench
        .figures
        .number("server with known pods", pss_kib(bench.daemon)? / 1024.0);
    for batch in names.chunks(100) {
        let deletion = bench.lifepod.delete_all(batch, DeleteOptions::default());
        bench.runtime.block_on(deletion)?;
    }
    Ok(())
}

async fn finish(lifepod: &mut lifepod::Lifepod, names: &[String]) -> Result<()> {
    for name in names {
        let pod = lifepod::pod_with(name, &["true"], "Never", 30)?;
        lifepod.pods.create(pod).await?;
    }
    let mut missing = names.len();
    let all_done = lifepod.observer.until(PATIENCE, "all Succeeded", |seen| {
        missing -= usize::from(seen.phase(PodPhase::Succeeded));
        missing == 0
    });
    all_done.await.map(drop)
}
