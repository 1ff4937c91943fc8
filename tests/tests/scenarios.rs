//! Every scenario of the catalogue that applies: on the simulator in virtual time, and on real
//! containers.

use anyhow::{Result, ensure};
use lifepod_tests::scenario::{self, Kind, Verdict};
use std::path::Path;
use tokio::sync::Mutex;

/// One world after the other: containers take longer on a machine that simulates beside them.
static TURN: Mutex<()> = Mutex::const_new(());

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_scenario_holds_on_the_simulator() -> Result<()> {
    all_hold(Kind::Simulator).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_scenario_holds_on_containers() -> Result<()> {
    all_hold(Kind::Containers).await
}

async fn all_hold(kind: Kind) -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let scenarios = scenario::load(&folder)?;
    ensure!(!scenarios.is_empty(), "no scenarios");
    let _turn = TURN.lock().await;
    let results = scenario::run_all(&scenarios, kind).await;
    let mut failed = results.in_the_end.unwrap_or_default();
    for row in results.rows {
        if let Verdict::Failed(faults, seen) = row.verdict {
            let (number, faults) = (row.number, faults.join("\n"));
            failed.push_str(&format!("scenario {number}:\n{faults}\nseen:\n{seen}\n"));
        }
    }
    ensure!(failed.is_empty(), "{failed}");
    Ok(())
}
