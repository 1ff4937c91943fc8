//! Every scenario of the catalogue that applies, on the simulator in virtual time.

use anyhow::{Result, ensure};
use lifepod_tests::scenario::{self, Kind, Verdict};
use std::path::Path;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_scenario_holds_on_the_simulator() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let scenarios = scenario::load(&folder)?;
    ensure!(!scenarios.is_empty(), "no scenarios");
    let rows = scenario::run_all(&scenarios, Kind::Simulator).await?;
    let mut failed = String::new();
    for row in rows {
        if let Verdict::Failed(faults, seen) = row.verdict {
            let faults = faults.join("\n");
            failed.push_str(&format!(
                "scenario {}:\n{faults}\nseen:\n{seen}\n",
                row.number
            ));
        }
    }
    ensure!(failed.is_empty(), "{failed}");
    Ok(())
}
