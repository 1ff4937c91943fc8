//! A few rounds of chaos; `cargo xtask chaos` makes many.

use anyhow::{Result, ensure};
use lifepod_tests::chaos::Chaos;

const ROUNDS: u64 = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_however_a_server_ends() -> Result<()> {
    let mut chaos = Chaos::begin(42).await?;
    for _ in 0..ROUNDS {
        chaos.round().await?;
    }
    let outcome = chaos.outcome();
    println!("{outcome}");
    ensure!(outcome.violations.is_empty(), "{outcome}");
    ensure!(outcome.kills() >= ROUNDS, "{outcome}");
    // The seed has faults of both kinds.
    ensure!(outcome.kills_in_commit > 0, "{outcome}");
    ensure!(outcome.torn_syncs > 0, "{outcome}");
    ensure!(outcome.acknowledged > ROUNDS, "{outcome}");
    Ok(())
}
