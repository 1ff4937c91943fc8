//! Real files, real processes: `kill -9` at any moment, and a file system that fills up.
//!
//! The children are this test binary itself, told by an environment variable to write.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use lifepod_store::{
    LogError,
    disk::{RealDisk, Rng},
    log::{Log, LogWriter, Options, open, survey},
};

const WRITE_TO: &str = "LIFEPOD_STORE_TEST_WRITE_TO";
const FILL_UP: &str = "LIFEPOD_STORE_TEST_FILL_UP";

fn writer(dir: &Path) -> LogWriter {
    let options = Options {
        segment_bytes: 40_000,
        reserve_bytes: 8192,
        ..Options::default()
    };
    open(Arc::new(RealDisk::new(dir).unwrap()), options, 0)
        .unwrap()
        .writer
}

fn record(revision: u64) -> Vec<u8> {
    revision
        .to_string()
        .into_bytes()
        .repeat(usize::try_from(1 + revision % 40).unwrap())
}

/// Number of records, each of which is what it should be.
fn verified(log: &Log) -> u64 {
    let mut records = log.read_from(log.oldest()).unwrap();
    while let Some(found) = records.next().unwrap() {
        assert_eq!(found.bytes, record(found.revision));
    }
    log.newest()
}

fn child(test: &str, variable: &str, dir: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", test, "--nocapture"])
        .env(variable, dir);
    command
}

/// In a child: commits until it is killed, and says which revision is durable.
#[test]
fn child_that_writes() {
    let Some(dir) = std::env::var_os(WRITE_TO) else {
        return;
    };
    let mut writer = writer(Path::new(&dir));
    let mut rng = Rng(writer.next_revision());
    loop {
        let first = writer.next_revision();
        let count = 1 + rng.below(8);
        let batch: Vec<_> = (first..first + count).map(record).collect();
        let durable = writer.append(0, &batch).unwrap();
        println!("durable {durable}");
        if rng.one_in(50) {
            let log = writer.log();
            log.write_checkpoint(durable, 0, [Ok::<_, LogError>(b"state")])
                .unwrap();
        }
    }
}

#[test]
fn a_killed_writer_loses_nothing_it_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let mut rng = Rng(1);
    let (mut newest, mut checked) = (0, 0);
    for round in 0..25 {
        let mut command = child("child_that_writes", WRITE_TO, dir.path());
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let acknowledged = kill_after(&mut process, 1 + rng.below(60));
        assert!(
            acknowledged > newest,
            "round {round}: the writer goes on where it was"
        );
        let writer = writer(dir.path());
        newest = verified(writer.log());
        assert!(
            newest >= acknowledged,
            "round {round}: {newest} of {acknowledged}"
        );
        assert!(
            newest - acknowledged <= 8,
            "at most one commit more: {newest}"
        );
        checked += 1;
    }
    println!("{checked} kills, {newest} records, none lost");
}

/// Reads that many acknowledgements, kills the child, reads what it said before it died, and
/// answers the last revision it called durable.
fn kill_after(process: &mut Child, lines: u64) -> u64 {
    let mut durable = 0;
    let mut seen = 0;
    for line in BufReader::new(process.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let Some(revision) = line.strip_prefix("durable ") else {
            continue;
        };
        // A line cut short by the kill has no end and is not complete.
        durable = revision.parse().unwrap();
        seen += 1;
        if seen == lines {
            process.kill().unwrap();
        }
    }
    process.wait().unwrap();
    durable
}

/// In a child, in a mount namespace of its own: a file system of one megabyte.
#[test]
fn child_that_fills_up() {
    let Some(dir) = std::env::var_os(FILL_UP) else {
        return;
    };
    let dir = Path::new(&dir);
    let mut writer = writer(&dir.join("store"));
    let error = loop {
        let next = writer.next_revision();
        if let Err(error) = writer.append(0, &[record(next)]) {
            break error;
        }
    };
    assert!(matches!(error, LogError::Full { .. }), "{error}");
    let full = verified(writer.log());
    let again = writer.append(0, &[record(full + 1)]).unwrap_err();
    assert!(matches!(again, LogError::Full { .. }), "{again}");

    std::fs::remove_file(dir.join("ballast")).unwrap();
    for revision in full + 1..full + 100 {
        assert_eq!(writer.append(0, &[record(revision)]).unwrap(), revision);
    }
    writer.close().unwrap();
    let disk = RealDisk::existing(dir.join("store"));
    let found = survey(&disk, |_| Ok::<_, LogError>(())).unwrap();
    assert!(found.damage.is_empty(), "{:?}", found.damage);
    println!("full after {full}, then went on");
}

#[test]
fn a_file_system_that_fills_up_refuses_and_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let script = "set -e; mount -t tmpfs -o size=1m,mode=700 none \"$1\"; \
                  dd if=/dev/zero of=\"$1/ballast\" bs=1k count=300 2>/dev/null; shift; exec \"$@\"";
    let inner = child("child_that_fills_up", FILL_UP, dir.path());
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c", script, "sh"])
        .arg(dir.path());
    command
        .arg(inner.get_program())
        .args(inner.get_args())
        .env(FILL_UP, dir.path());
    let started = Instant::now();
    let output = command
        .process_group(0)
        .output()
        .expect("`unshare` runs, which needs root");
    assert!(started.elapsed() < Duration::from_secs(60));
    let text = String::from_utf8_lossy(&output.stdout);
    std::io::stdout().write_all(&output.stderr).unwrap();
    assert!(
        output.status.success() && text.contains("then went on"),
        "{text}"
    );
}
