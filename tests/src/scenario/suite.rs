//! Many scenarios in one world, as many at a time as the machine can bear.

use super::{
    driver::{Kind, Site},
    file::Scenario,
    run::{Outcome, run},
};
use anyhow::Result;
use std::{sync::Arc, time::Duration};
use tokio::{sync::Semaphore, task::JoinSet};

/// Servers for simulated scenarios at a time; each scenario has its own.
const SIMULATORS: usize = 6;
/// Scenarios on one server for real containers at a time.
const PODS: usize = 16;
/// Scenarios with a server for real containers of their own at a time.
const SERVERS: usize = 3;

/// How a scenario went.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// As expected.
    Passed,
    /// Not as expected: in what, and everything seen.
    Failed(Vec<String>, String),
    /// Not run, and why.
    Skipped(String),
}

/// One scenario's result.
#[derive(Debug, Clone)]
pub struct Row {
    /// Number in the specification.
    pub number: u32,
    /// How it went.
    pub verdict: Verdict,
    /// How long it took, in real time.
    pub took: Duration,
}

impl Row {
    fn skipped(scenario: &Scenario, reason: &str) -> Self {
        Self {
            number: scenario.number,
            verdict: Verdict::Skipped(reason.to_owned()),
            took: Duration::ZERO,
        }
    }

    fn of(scenario: &Scenario, outcome: Result<Outcome>) -> Self {
        let (verdict, took) = match outcome {
            Ok(outcome) if outcome.faults.is_empty() => (Verdict::Passed, outcome.took),
            Ok(outcome) => (Verdict::Failed(outcome.faults, outcome.seen), outcome.took),
            Err(error) => {
                let fault = format!("it cannot be run: {error:#}");
                (Verdict::Failed(vec![fault], String::new()), Duration::ZERO)
            }
        };
        Self {
            number: scenario.number,
            verdict,
            took,
        }
    }
}

/// Runs scenarios in one world; answers in the order of their numbers.
///
/// # Errors
/// When the servers that many share cannot be started, or are not as they should be in the end.
pub async fn run_all(scenarios: &[Scenario], kind: Kind) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let (mut shared, mut alone) = (Vec::new(), Vec::new());
    for scenario in scenarios {
        match scenario.reason(kind) {
            Some(reason) => rows.push(Row::skipped(scenario, reason)),
            None if kind == Kind::Simulator || scenario.needs_own_server() => {
                alone.push(scenario.clone());
            }
            None => shared.push(scenario.clone()),
        }
    }
    if !shared.is_empty() {
        rows.extend(on_one(shared).await?);
    }
    rows.extend(on_their_own(alone, kind).await);
    rows.sort_by_key(|row| row.number);
    Ok(rows)
}

/// All on one server.
async fn on_one(scenarios: Vec<Scenario>) -> Result<Vec<Row>> {
    let site = Arc::new(Site::containers("").await?);
    let (limit, mut tasks) = (Arc::new(Semaphore::new(PODS)), JoinSet::new());
    for scenario in scenarios {
        let (site, limit) = (Arc::clone(&site), Arc::clone(&limit));
        tasks.spawn(async move {
            let _permit = limit.acquire_owned().await;
            let outcome = run(&scenario, &site).await;
            Row::of(&scenario, outcome)
        });
    }
    let rows = tasks.join_all().await;
    if let Ok(site) = Arc::try_unwrap(site) {
        site.finish().await?;
    }
    Ok(rows)
}

/// Each on a server of its own.
async fn on_their_own(mut scenarios: Vec<Scenario>, kind: Kind) -> Vec<Row> {
    scenarios.sort_by_key(|scenario| std::cmp::Reverse(scenario.weight()));
    let most = match kind {
        Kind::Simulator => SIMULATORS,
        Kind::Containers => SERVERS,
    };
    let (limit, mut tasks) = (Arc::new(Semaphore::new(most)), JoinSet::new());
    for scenario in scenarios {
        let limit = Arc::clone(&limit);
        tasks.spawn(async move {
            let _permit = limit.acquire_owned().await;
            let outcome = on_its_own(&scenario, kind).await;
            Row::of(&scenario, outcome)
        });
    }
    tasks.join_all().await
}

async fn on_its_own(scenario: &Scenario, kind: Kind) -> Result<Outcome> {
    let site = match kind {
        Kind::Simulator => Site::simulator(scenario.config()).await?,
        Kind::Containers => Site::containers(scenario.config()).await?,
    };
    let mut outcome = run(scenario, &site).await?;
    // What a failed scenario left behind is its own fault, and told already.
    if let (true, Err(error)) = (outcome.faults.is_empty(), site.finish().await) {
        outcome.faults.push(format!("in the end: {error:#}"));
    }
    Ok(outcome)
}
