//! The scenario suite, as a table.

use crate::{setup, steps};
use anyhow::{Result, ensure};
use lifepod_tests::scenario::{self, Kind, Results, Scenario, Verdict};
use std::time::{Duration, Instant};

/// Run the specification's scenarios: on the simulator, and with --real on containers too
///
/// One line per scenario; how to write one is described in tests/scenarios/README.md.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Also on real containers, as root
    #[arg(long)]
    real: bool,
    /// Only on real containers
    #[arg(long, conflicts_with = "real")]
    only_real: bool,
    /// Only these numbers
    #[arg(long, value_delimiter = ',')]
    only: Vec<u32>,
    /// Show everything that was seen of failed scenarios
    #[arg(long)]
    seen: bool,
}

/// The results of one world.
struct Column {
    results: Results,
    took: Duration,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let mut scenarios = scenario::load(&steps::workspace().join("tests/scenarios"))?;
    scenarios.retain(|scenario| args.only.is_empty() || args.only.contains(&scenario.number));
    ensure!(!scenarios.is_empty(), "no such scenario");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let with_real = args.real || args.only_real;
    if with_real {
        setup::ensure()?;
    }
    let column = |kind| runtime.block_on(column(&scenarios, kind));
    let simulated = (!args.only_real).then(|| column(Kind::Simulator));
    let real = with_real.then(|| column(Kind::Containers));
    for (index, scenario) in scenarios.iter().enumerate() {
        line(scenario, index, simulated.as_ref(), real.as_ref());
    }
    let columns = [("simulator", &simulated), ("containers", &real)];
    let mut failures = 0;
    for (world, column) in columns.iter().filter_map(|(w, c)| Some((w, c.as_ref()?))) {
        faults(world, column, args.seen);
        failures += total(world, column);
    }
    ensure!(failures == 0, "{failures} failed");
    Ok(())
}

async fn column(scenarios: &[Scenario], kind: Kind) -> Column {
    let began = Instant::now();
    let results = scenario::run_all(scenarios, kind).await;
    let took = began.elapsed();
    Column { results, took }
}

fn line(scenario: &Scenario, index: usize, simulated: Option<&Column>, real: Option<&Column>) {
    let cell = |column: Option<&Column>| match column.map(|column| &column.results.rows[index]) {
        None => String::new(),
        Some(row) => match &row.verdict {
            Verdict::Passed => "pass".to_owned(),
            Verdict::Failed(..) => "FAIL".to_owned(),
            Verdict::Skipped(reason) => format!("n/a: {reason}"),
        },
    };
    let (number, title) = (scenario.number, &scenario.title);
    let (simulated, real) = (cell(simulated), cell(real));
    println!("{number:>3}  {title:<64}  {simulated:<4}  {real}");
}

fn faults(world: &str, column: &Column, with_seen: bool) {
    for row in &column.results.rows {
        if let Verdict::Failed(faults, seen) = &row.verdict {
            println!("\n{} on {world}:\n{}", row.number, faults.join("\n"));
            if with_seen {
                println!("seen:\n{seen}");
            }
        }
    }
    if let Some(fault) = &column.results.in_the_end {
        println!("\n{world}, {fault}");
    }
}

/// Prints the totals; answers how many failed.
fn total(world: &str, column: &Column) -> usize {
    let rows = &column.results.rows;
    let count = |is: fn(&Verdict) -> bool| rows.iter().filter(|row| is(&row.verdict)).count();
    let passed = count(|verdict| matches!(verdict, Verdict::Passed));
    let failed = count(|verdict| matches!(verdict, Verdict::Failed(..)));
    let skipped = count(|verdict| matches!(verdict, Verdict::Skipped(_)));
    let took = steps::short(column.took);
    println!("{world}: {passed} passed, {failed} failed, {skipped} not applicable, in {took}");
    let mut slow: Vec<_> = rows.iter().collect();
    slow.sort_by_key(|row| std::cmp::Reverse(row.took));
    let slow = slow.iter().take(5);
    let slow = slow.map(|row| format!("{} ({})", row.number, steps::short(row.took)));
    println!("{world}: slowest {}", slow.collect::<Vec<_>>().join(", "));
    failed + usize::from(column.results.in_the_end.is_some())
}
