//! Servers that die at bad moments, over and over.

use crate::steps;
use anyhow::{Result, ensure};
use lifepod_tests::chaos::Chaos;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Kill real servers on the simulated runtime and a failing store at bad moments, and check after
/// each that nothing was lost and nothing invented
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many servers live and die
    #[arg(long, default_value_t = 200)]
    rounds: u64,
    /// Decides what is asked for and how servers die [default: another each time]
    #[arg(long)]
    seed: Option<u64>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let seed = args.seed.unwrap_or(now.as_secs());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let started = Instant::now();
    let violations = runtime.block_on(async {
        eprintln!("==> build the binaries, start a server");
        let mut chaos = Chaos::begin(seed).await?;
        for round in 1..=args.rounds {
            chaos.round().await?;
            if round % 20 == 0 {
                let (transitions, kills) = (chaos.outcome().transitions, chaos.outcome().kills());
                eprintln!("round {round}: {kills} kills, {transitions} transitions");
            }
        }
        print!("{}", chaos.outcome());
        anyhow::Ok(chaos.outcome().violations.len())
    })?;
    println!("duration        {}", steps::short(started.elapsed()));
    ensure!(violations == 0, "{violations} promises were broken");
    Ok(())
}
