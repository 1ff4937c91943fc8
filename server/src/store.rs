//! `lifepodd store`: looking at a stopped server's journal, and ways out when it is damaged.
//!
//! What the commands do is in `lifepod-store`; when to use which is in
//! `docs/runbooks/damaged-store.md`. `check` and `export` change nothing and also work on a copy, on
//! a read-only file system and, but for the last commit, beside a running server.

use std::{
    io::{BufWriter, Write as _, stdout},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use lifepod_store::{
    disk::RealDisk,
    journal::{Report, check, compact, export},
    log::{Survey, Tail, salvage},
};

use crate::{
    args::{CompactArgs, Settings, StoreCommand},
    config::Config,
    journal,
};

/// Runs a command on the journal.
///
/// # Errors
/// Also when the store is damaged, after everything was said about it.
pub(crate) fn run(settings: &Settings, command: &StoreCommand) -> Result<()> {
    let config = Config::load(settings)?;
    let directory =
        |given: &Option<PathBuf>| given.clone().unwrap_or_else(|| journal::directory(&config));
    match command {
        StoreCommand::Check { dir } => check_store(&directory(dir)),
        StoreCommand::Export { dir } => export_store(&directory(dir)),
        StoreCommand::Compact(args) => compact_store(&config, args),
        StoreCommand::Salvage { dir, into } => salvage_store(&config, &directory(dir), into),
    }
}

fn existing(directory: &Path) -> Result<RealDisk> {
    ensure!(directory.is_dir(), "no store in `{}`", directory.display());
    Ok(RealDisk::existing(directory))
}

fn check_store(directory: &Path) -> Result<()> {
    let report = check(&existing(directory)?)?;
    let mut out = stdout().lock();
    out.write_all(describe(directory, &report).as_bytes())?;
    ensure!(
        report.survey.epoch.is_some(),
        "no store in `{}`",
        directory.display()
    );
    ensure!(
        report.is_sound(),
        "the store is damaged; docs/runbooks/damaged-store.md has the ways out"
    );
    Ok(())
}

/// What a check found, for people.
fn describe(directory: &Path, report: &Report) -> String {
    let Report { survey, unreadable } = report;
    let mut lines = vec![format!("store {}", directory.display())];
    if let Some(epoch) = survey.epoch {
        lines.push(format!("epoch {epoch}"));
    }
    for (revision, entries) in &survey.checkpoints {
        lines.push(format!(
            "checkpoint at revision {revision}: {entries} entries"
        ));
    }
    for segment in &survey.segments {
        let tail = match segment.tail {
            Tail::Clean => "",
            Tail::Reserved => ", reserved space after them",
            Tail::Torn => ", then a commit that was never acknowledged",
            Tail::Damaged => ", then damage",
        };
        lines.push(format!(
            "{}: revisions {} to {}, {} commits, {} bytes{tail}",
            segment.file,
            segment.first,
            segment.next.saturating_sub(1),
            segment.commits,
            segment.bytes,
        ));
    }
    lines.extend(
        survey
            .damage
            .iter()
            .map(|error| format!("damaged: {error}")),
    );
    lines.extend(
        unreadable
            .iter()
            .map(|(place, error)| format!("damaged: {place}: {error}")),
    );
    if report.is_sound() {
        lines.push("sound".to_owned());
    }
    lines.join("\n") + "\n"
}

fn export_store(directory: &Path) -> Result<()> {
    let disk = existing(directory)?;
    let mut out = BufWriter::new(stdout().lock());
    let Survey { epoch, damage, .. } = export(&disk, &mut out)?;
    out.flush().context("cannot write")?;
    ensure!(epoch.is_some(), "no store in `{}`", directory.display());
    ensure!(
        damage.is_empty(),
        "the store is damaged in {} places; the rest was exported",
        damage.len()
    );
    Ok(())
}

fn compact_store(config: &Config, args: &CompactArgs) -> Result<()> {
    let directory = args
        .dir
        .clone()
        .unwrap_or_else(|| journal::directory(config));
    existing(&directory)?;
    let mut options = journal::options(config);
    let retention = &mut options.retention;
    let age = args
        .keep_hours
        .map(|hours| Duration::from_secs(hours.saturating_mul(3600)));
    retention.age = age.or(retention.age);
    retention.bytes = args
        .keep_mebibytes
        .map(|size| size.saturating_mul(1 << 20))
        .or(retention.bytes);
    retention.revisions = args.keep_revisions.or(retention.revisions);
    let disk = RealDisk::new(&directory)?;
    let done = compact(Arc::new(disk), options, journal::now())?;
    writeln!(
        stdout(),
        "removed {} files with {} bytes; revisions from {} on are kept",
        done.segments,
        done.bytes,
        done.oldest
    )?;
    Ok(())
}

fn salvage_store(config: &Config, directory: &Path, into: &Path) -> Result<()> {
    let from = existing(directory)?;
    if into.exists() && into.read_dir()?.next().is_some() {
        bail!("`{}` is not empty", into.display());
    }
    let target = RealDisk::new(into)?;
    let log = journal::options(config).log;
    let kept = salvage(&from, Arc::new(target), &log, journal::now().0)?;
    writeln!(
        stdout(),
        "kept the checkpoint of revision {} and everything up to revision {}; {} later records are not taken over",
        kept.checkpoint,
        kept.newest,
        kept.lost
    )?;
    Ok(())
}
