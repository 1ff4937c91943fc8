//! Many scenarios in one world, as many at a time as the machine can bear.

use super::{
    driver::{Kind, Site},
    file::Scenario,
    run::{Outcome, run},
};
use anyhow::{Context as _, Result, anyhow};
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

/// How many scenarios went in one world.
#[derive(Debug, Clone)]
pub struct Results {
    /// In the order of their numbers.
    pub rows: Vec<Row>,
    /// What is wrong with the server that many shared, after the last of them.
    pub in_the_end: Option<String>,
}

/// Runs scenarios in one world.
pub async fn run_all(scenarios: &[Scenario], kind: Kind) -> Results {
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
    let mut in_the_end = None;
    if !shared.is_empty() {
        let (more, end) = on_one(shared).await;
        rows.extend(more);
        in_the_end = end.err().map(|error| format!("in the end: {error:#}"));
    }
    rows.extend(on_their_own(alone, kind).await);
    rows.sort_by_key(|row| row.number);
    Results { rows, in_the_end }
}

/// All on one server, and how that one ended.
async fn on_one(scenarios: Vec<Scenario>) -> (Vec<Row>, Result<()>) {
    let site = match Site::containers("").await {
        Ok(site) => Arc::new(site),
        Err(error) => {
            let failed = |scenario| Row::of(scenario, Err(anyhow!("no server: {error:#}")));
            return (scenarios.iter().map(failed).collect(), Ok(()));
        }
    };
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
    let end = match Arc::into_inner(site).context("a scenario still uses the server") {
        Ok(site) => site.finish().await,
        Err(error) => Err(error),
    };
    (rows, end)
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
