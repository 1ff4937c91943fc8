//! `start`: what it takes until a pod runs, what it takes until it is gone, and what it costs
//! meanwhile.
//!
//! ```text
//! run = idle server → one by one → at once → endings → many known pods → clean-up, leak check
//! ```
//! Each run has a server and a store of its own.

mod at_once;
mod endings;
mod memory;
mod one_by_one;

use crate::{
    contender::{self, Contender, Place},
    hidden,
    lifepod::Lifepod,
    machine::Machine,
    quiet::Quiet,
    report::Report,
    samples::Samples,
};
use anyhow::{Context, Result};
use lifepod_client::{Client, DeleteOptions};
use lifepod_tests::fixtures::{Daemon, Image, Leaks, Scope, Stage, busybox};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process,
    time::Duration,
};
use tokio::runtime::Runtime;

/// Until background work of a start or stop has ended.
const SETTLE: Duration = Duration::from_secs(1);
/// The kernel takes namespaces and what is in them apart a little after their last process.
const PATIENCE: Duration = Duration::from_secs(20);
const CLEAN_UP: Duration = Duration::from_secs(120);
const CLEAN_UP_POLL: Duration = Duration::from_millis(50);

/// How much is measured.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// Pods started, used and deleted one after another
    #[arg(long, default_value_t = 100)]
    pods: u32,
    /// Pods started and deleted at once
    #[arg(long, default_value_t = 50)]
    burst: u32,
    /// Times that is done
    #[arg(long, default_value_t = 3)]
    bursts: u32,
    /// Containers killed to see when it is told; as many again while a burst of pods starts
    #[arg(long, default_value_t = 300)]
    exits: u32,
    /// Finished pods the server knows when its memory is looked at
    #[arg(long, default_value_t = 1000)]
    known: u32,
    /// Seconds that idle pods are watched for their use of the processor
    #[arg(long, default_value_t = 10)]
    idle: u32,
    /// Repetitions of everything; the report then gives medians of them
    #[arg(long, default_value_t = 1)]
    runs: u32,
    /// Seconds that a run may spend, all in all, waiting for other load to pass before a step
    #[arg(long, default_value_t = 60)]
    patience: u32,
    /// Leave out podman and containerd
    #[arg(long)]
    quick: bool,
}

/// What one run found: repeated measurements in milliseconds, and single numbers.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) series: BTreeMap<String, Samples>,
    pub(crate) numbers: BTreeMap<String, f64>,
}

impl Figures {
    fn series(&mut self, what: &str, who: &str) -> &mut Samples {
        self.series.entry(format!("{what}/{who}")).or_default()
    }

    fn number(&mut self, what: &str, value: f64) {
        self.numbers.insert(what.to_owned(), value);
    }
}

/// Everything that a phase of the measurement uses.
struct Bench<'a> {
    options: &'a Options,
    runtime: &'a Runtime,
    lifepod: Lifepod,
    daemon: u32,
    folder: PathBuf,
    contenders: Vec<Box<dyn Contender>>,
    quiet: Quiet,
    figures: Figures,
}

/// Measures, cleans up, and makes sure that it is clean.
pub(crate) fn run(options: &Options) -> Result<Report> {
    let image = busybox()?;
    let machine = Machine::look(&std::env::temp_dir())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let mut runs = Vec::new();
    for number in 1..=options.runs {
        eprintln!("run {number} of {}", options.runs);
        runs.push(one_run(options, &image, &runtime)?);
    }
    Ok(Report { machine, runs })
}

fn one_run(options: &Options, image: &Image, runtime: &Runtime) -> Result<Figures> {
    let stage = Stage::set_up()?;
    stage.registry.push(image, "library/busybox", "latest")?;
    let folder = tempfile::Builder::new().prefix("lpload-").tempdir()?;
    let cgroup = format!("lpload{}", process::id());
    let place = Place {
        folder: folder.path().to_owned(),
        cgroup: cgroup.clone(),
    };
    let leaks = [stage.watch_leaks()?, watch(&place)?];
    let daemon = stage.start_daemon()?;
    let measured = hidden::without_unified_cgroups(|| {
        measure(options, runtime, &stage, &daemon, &place, image)
    });
    eprintln!("  clean-up");
    let cleaned = clean_up(runtime, &stage, daemon);
    contender::remove_cgroups(&cgroup);
    drop(folder);
    let figures = measured.with_context(|| {
        let log = std::fs::read_to_string(stage.log_file()).unwrap_or_default();
        let tail: Vec<_> = log.lines().rev().take(20).collect();
        format!(
            "last of the server's log, newest first:\n{}",
            tail.join("\n")
        )
    })?;
    cleaned.context("cannot clean up")?;
    for leaks in leaks {
        leaks.expect_none(PATIENCE)?;
    }
    eprintln!("  nothing left behind");
    Ok(figures)
}

fn watch(place: &Place) -> Result<Leaks> {
    Leaks::watch(Scope {
        folder: place.folder.clone(),
        names: vec![place.cgroup.clone()],
    })
}

fn measure(
    options: &Options,
    runtime: &Runtime,
    stage: &Stage,
    daemon: &Daemon,
    place: &Place,
    image: &Image,
) -> Result<Figures> {
    let mut figures = Figures::default();
    memory::idle(&mut figures, daemon.pid())?;
    let mut contenders = contender::all(place, image)?;
    if options.quick {
        contenders.retain(|contender| contender.every_round());
    }
    let mut bench = Bench {
        options,
        runtime,
        lifepod: runtime.block_on(Lifepod::connect(&stage.socket()))?,
        daemon: daemon.pid(),
        folder: stage.folder().to_owned(),
        contenders,
        quiet: Quiet::with_patience(Duration::from_secs(options.patience.into())),
        figures,
    };
    phase("one by one", || one_by_one::measure(&mut bench))?;
    phase("at once", || at_once::measure(&mut bench))?;
    phase("endings", || endings::measure(&mut bench))?;
    phase("many known pods", || memory::known(&mut bench))?;
    let noisy = bench.quiet.noisy_share();
    bench.figures.number("noisy steps", noisy);
    Ok(bench.figures)
}

fn phase(name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    eprintln!("  {name}");
    work().with_context(|| format!("while measuring: {name}"))
}

/// Deletes whatever pods are left, stops the server, takes the pods' network away.
fn clean_up(runtime: &Runtime, stage: &Stage, daemon: Daemon) -> Result<()> {
    let socket = stage.socket();
    let emptied = runtime.block_on(async {
        let work = delete_everything(&socket);
        tokio::time::timeout(CLEAN_UP, work).await
    });
    daemon.stop()?;
    stage.clean_up()?;
    emptied.context("pods do not go away")?
}

async fn delete_everything(socket: &Path) -> Result<()> {
    let client = Client::connect(format!("unix://{}", socket.display())).await?;
    let pods = client.pods("default");
    loop {
        let left = pods.list(&lifepod_client::Selector::default()).await?.pods;
        if left.is_empty() {
            return Ok(());
        }
        let deletions = left.iter().map(|pod| {
            let name = pod.metadata.as_ref().map(|meta| meta.name.as_str());
            let options = DeleteOptions {
                allow_missing: true,
                ..DeleteOptions::grace(1)
            };
            pods.delete(name.unwrap_or_default(), options)
        });
        futures::future::try_join_all(deletions).await?;
        tokio::time::sleep(CLEAN_UP_POLL).await;
    }
}
