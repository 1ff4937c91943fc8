//! Lifepod's admission next to recorded answers of a Kubernetes API server.

use std::{env, path::PathBuf, time::Instant};

use anyhow::{Context, Result, ensure};
use lifepod_client::Client;
use lifepod_tests::{
    fixtures::{Daemon, Simulated},
    oracle::{Recording, Tally, replay_creates, replay_updates, settings},
};
use tokio::runtime;

use crate::steps::{step, workspace};

/// Names the recording when `--path` does not.
const VARIABLE: &str = "LIFEPOD_ORACLE";
const BESIDE: &str = "../shared/oracle";
/// The few cases that the tests replay, too.
const OWN: &str = "tests/tests/admission/recorded";
/// Share of create cases that may be different, in percent.
const CREATE_TOLERANCE: usize = 2;
/// The same of sequences of changes.
const UPDATE_TOLERANCE: usize = 5;

/// Replay recorded Kubernetes API answers against a real server and compare verdicts, causes and defaults
///
/// Every case ends up equal, refused by name, explained or different; the last two are listed with
/// their reasons. Fails when too many are different, or when anything is accepted that Kubernetes
/// refuses without a reason being known.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder of the recording [default: LIFEPOD_ORACLE, or ../shared/oracle where there is one, or
    /// the few cases in tests/tests/admission/recorded]
    #[arg(long)]
    path: Option<PathBuf>,
    /// Show only cases whose name contains this
    #[arg(long)]
    only: Option<String>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let folder = folder(args);
    eprintln!("recording: {}", folder.display());
    let mut recording = Recording::read(&folder)
        .context("there is nothing to compare with; name a folder with --path or LIFEPOD_ORACLE")?;
    if let Some(part) = &args.only {
        recording.creates.retain(|case| case.id.contains(part));
        recording
            .updates
            .retain(|case| case["id"].as_str().is_some_and(|id| id.contains(part)));
    }
    let simulation = step("build the binaries", || Simulated::set_up(&settings()))?;
    let daemon = step("start lifepodd on the simulator", || simulation.start(&[]))?;
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let compared = runtime.block_on(compare(&simulation.endpoint(), &recording));
    step("stop lifepodd", || Daemon::stop(daemon))?;
    compared
}

fn folder(args: &Args) -> PathBuf {
    let named = || env::var_os(VARIABLE).map(PathBuf::from);
    let beside = || Some(workspace().join(BESIDE)).filter(|folder| folder.is_dir());
    let given = args.path.clone().or_else(named).or_else(beside);
    given.unwrap_or_else(|| workspace().join(OWN))
}

async fn compare(endpoint: &str, recording: &Recording) -> Result<()> {
    let client = Client::connect(endpoint).await?;
    let started = Instant::now();
    let creates = Tally::of(&replay_creates(&client, &recording.creates).await?);
    let updates = Tally::of(&replay_updates(&client, &recording.updates).await?);
    show("create requests", &creates);
    show("sequences of changes", &updates);
    println!("in {:.1?}", started.elapsed());
    judge(&creates, CREATE_TOLERANCE)?;
    judge(&updates, UPDATE_TOLERANCE)
}

fn show(what: &str, tally: &Tally) {
    for line in &tally.told {
        println!("{line}");
    }
    println!("\nfields refused by name, and in how many cases:");
    for (field, count) in &tally.fields {
        println!("{count:5} {field}");
    }
    println!("\n{what}: {tally}");
}

fn judge(tally: &Tally, tolerance: usize) -> Result<()> {
    ensure!(
        tally.too_lenient == 0,
        "{} cases are accepted that Kubernetes refuses",
        tally.too_lenient
    );
    ensure!(
        tally.different * 100 <= tally.total * tolerance,
        "{} of {} cases are different, more than {tolerance} %",
        tally.different,
        tally.total
    );
    Ok(())
}
