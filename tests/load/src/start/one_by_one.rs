//! Containers one after another, all tools in turns, so that a drift of the machine meets all of
//! them alike.

use super::Bench;
use crate::lifepod;
use anyhow::Result;
use std::time::Instant;

/// Rounds that are not counted: image pull, caches.
const WARM_UP: u32 = 3;
/// The slow tools join once in so many rounds.
const SELDOM: u32 = 4;

pub(super) fn measure(bench: &mut Bench<'_>) -> Result<()> {
    for round in 0..bench.options.pods + WARM_UP {
        let entrants = bench.contenders.len() + 1;
        // Takes turns in going first.
        for offset in 0..entrants {
            match (offset + round as usize) % entrants {
                0 => through_lifepod(bench, round)?,
                number => through_contender(bench, number - 1, round)?,
            }
        }
        if round + 1 == WARM_UP {
            bench.figures.series.clear();
        }
    }
    Ok(())
}

fn through_lifepod(bench: &mut Bench<'_>, round: u32) -> Result<()> {
    let name = format!("single-{round}");
    let pod = lifepod::pod(&name)?;
    let Bench {
        runtime,
        lifepod,
        quiet,
        figures,
        ..
    } = bench;
    quiet.pause();
    let started = runtime.block_on(lifepod.start(pod))?;
    figures.series("start", "lifepod").add(started.took);
    for (step, share) in started.steps {
        figures.series("step", step).add(share);
    }
    quiet.pause();
    let exec = figures.series("exec", "lifepod");
    exec.time(|| runtime.block_on(lifepod.exec_true(&name)))?;
    quiet.pause();
    let gone = runtime.block_on(lifepod.delete(&name))?;
    figures.series("remove", "lifepod").add(gone);
    Ok(())
}

fn through_contender(bench: &mut Bench<'_>, number: usize, round: u32) -> Result<()> {
    let Bench {
        contenders,
        quiet,
        figures,
        ..
    } = bench;
    let contender = contenders[number].as_ref();
    if !contender.every_round() && !round.is_multiple_of(SELDOM) {
        return Ok(());
    }
    let (id, who) = (format!("single-{round}"), contender.name());
    contender.prepare(&id)?;
    quiet.pause();
    figures.series("start", who).time(|| contender.start(&id))?;
    quiet.pause();
    let begin = Instant::now();
    if contender.exec(&id)? {
        figures.series("exec", who).add(begin.elapsed());
    }
    quiet.pause();
    figures.series("remove", who).time(|| contender.remove(&id))
}
