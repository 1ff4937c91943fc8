//! What a commit, a record read back and an open cost; next to a bare append and sync, and with
//! the bytes that each writes.

#![expect(clippy::unwrap_used, reason = "a benchmark ends at the first surprise")]

#[path = "../tests/world/mod.rs"]
#[expect(dead_code, reason = "made for the conformance suite")]
mod world;

use std::{
    fs::File,
    hint::black_box,
    os::unix::fs::FileExt as _,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lifepod_lifecycle::{
    id::Revision,
    port::{Journal, Record},
    time::Timestamp,
};
use lifepod_store::{
    disk::RealDisk,
    journal::{DurableJournal, JournalOptions, MemoryJournal, MemoryStore, RequestWindow},
    log::{LogWriter, Options, open},
};
use tempfile::TempDir;

const RECORD: [u8; 300] = [b'r'; 300];
const PODS: u64 = 1000;

/// On the file system of the build, since the one of `/tmp` may be in memory.
fn dir() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn log_in(dir: &Path, options: Options) -> LogWriter {
    open(Arc::new(RealDisk::new(dir).unwrap()), options, 0)
        .unwrap()
        .writer
}

fn journal_in(dir: &Path, checkpoint_bytes: u64) -> DurableJournal {
    let disk = Arc::new(RealDisk::new(dir).unwrap());
    let options = JournalOptions {
        checkpoint_bytes,
        ..JournalOptions::default()
    };
    DurableJournal::open(disk, options, Timestamp(0)).unwrap()
}

/// Records of a thousand pods in turn, as an engine would hand them over.
struct Feed {
    pods: Vec<Record>,
    next: u64,
}

impl Feed {
    fn new() -> Self {
        let now = Timestamp::from_secs(1_800_000_000);
        Self {
            pods: (0..PODS).map(|n| world::record(n, 0, now)).collect(),
            next: 1,
        }
    }

    fn take(&mut self, count: u64) -> Vec<Arc<Record>> {
        let revisions = self.next..self.next + count;
        self.next += count;
        let of = |revision: u64| {
            let mut record = self.pods[usize::try_from(revision % PODS).unwrap()].clone();
            record.revision = Revision(revision);
            Arc::new(record)
        };
        revisions.map(of).collect()
    }

    /// Time for that many commits, the making of the records not counted.
    fn commit(&mut self, journal: &mut dyn Journal, commits: u64, count: u64) -> Duration {
        let mut spent = Duration::ZERO;
        for _ in 0..commits {
            let records = self.take(count);
            let started = Instant::now();
            journal.commit(&records).unwrap();
            spent += started.elapsed();
        }
        spent
    }
}

fn commits(c: &mut Criterion) {
    for count in [1, 64] {
        let mut group = c.benchmark_group(format!("commit of {count}"));
        group.throughput(Throughput::Elements(count));
        let batch = vec![RECORD; usize::try_from(count).unwrap()];

        let raw = dir();
        let file = File::create(raw.path().join("raw")).unwrap();
        let (bytes, mut at) = (batch.concat(), 0);
        group.bench_function("bare append and sync", |b| {
            b.iter(|| {
                file.write_all_at(&bytes, at).unwrap();
                file.sync_data().unwrap();
                at += bytes.len() as u64;
            });
        });
        for (name, reserve_bytes) in [("log", 1 << 20), ("log without reserved space", 0)] {
            let dir = dir();
            let mut writer = log_in(
                dir.path(),
                Options {
                    reserve_bytes,
                    ..Options::default()
                },
            );
            group.bench_function(name, |b| b.iter(|| writer.append(0, &batch).unwrap()));
        }
        let dir = dir();
        let (mut journal, mut feed) = (journal_in(dir.path(), 8 << 20), Feed::new());
        group.bench_function("journal", |b| {
            b.iter_custom(|rounds| feed.commit(&mut journal, rounds, count));
        });
        let store = MemoryStore::new(100_000, RequestWindow::default());
        let (mut journal, mut feed) = (MemoryJournal::open(&store).unwrap(), Feed::new());
        group.bench_function("journal in memory", |b| {
            b.iter_custom(|rounds| feed.commit(&mut journal, rounds, count));
        });
    }
}

fn replay(c: &mut Criterion) {
    const RECORDS: u64 = 100_000;
    let mut group = c.benchmark_group("replay");
    group
        .throughput(Throughput::Elements(RECORDS))
        .sample_size(20);

    let log_dir = dir();
    let mut writer = log_in(log_dir.path(), Options::default());
    for _ in 0..RECORDS / 50 {
        writer.append(0, &[RECORD; 50]).unwrap();
    }
    group.bench_function("log", |b| {
        b.iter(|| {
            let mut records = writer.log().read_from(1).unwrap();
            while let Some(record) = records.next().unwrap() {
                black_box(record.bytes);
            }
            assert_eq!(records.next_revision(), RECORDS + 1);
        });
    });

    let dir = dir();
    let mut journal = journal_in(dir.path(), u64::MAX);
    Feed::new().commit(&mut journal, RECORDS / 50, 50);
    let reader = journal.reader();
    group.bench_function("journal, in pages of 128", |b| {
        b.iter(|| {
            let mut after = Revision(0);
            while let Some(last) = reader.read_after(after, 128).unwrap().records.last() {
                after = last.revision;
            }
            assert_eq!(after, Revision(RECORDS));
        });
    });
}

fn opening(c: &mut Criterion) {
    let mut group = c.benchmark_group("open with 1000 pods and 100000 records");
    group.sample_size(20);
    for (name, checkpoint_bytes, close) in [
        ("closed in order", 8 << 20, true),
        ("killed", 8 << 20, false),
        ("killed, no checkpoint", u64::MAX, false),
    ] {
        let dir = dir();
        let mut journal = journal_in(dir.path(), checkpoint_bytes);
        Feed::new().commit(&mut journal, 2000, 50);
        if close {
            journal.close().unwrap();
        }
        drop(journal);
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut journal = journal_in(dir.path(), u64::MAX);
                assert_eq!(journal.load().unwrap().pods.len(), 1000);
            });
        });
    }
}

/// Bytes that this process has caused to be written, in pages, by the kernel's account.
fn written() -> u64 {
    let text = std::fs::read_to_string("/proc/self/io").unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("write_bytes: "));
    line.unwrap().parse().unwrap()
}

fn bytes(_: &mut Criterion) {
    for count in [1, 8, 64] {
        let dir = dir();
        let mut writer = log_in(dir.path(), Options::default());
        let batch = vec![RECORD; count];
        let before = written();
        for _ in 0..2000 {
            writer.append(0, &batch).unwrap();
        }
        let log = (written() - before) / (2000 * count as u64);

        let dir = self::dir();
        let (mut journal, mut feed) = (journal_in(dir.path(), 8 << 20), Feed::new());
        let before = written();
        feed.commit(&mut journal, 2000, count as u64);
        journal.close().unwrap();
        let total = (written() - before) / (2000 * count as u64);
        let stats = journal.log().stats();
        let frame = stats.bytes / stats.records;
        eprintln!(
            "{count:>2} per commit: {log} bytes written per record of 300; \
             {total} per record of a pod (checkpoints and all), {frame} of them its frame"
        );
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().measurement_time(Duration::from_secs(4));
    targets = commits, replay, opening, bytes
}
criterion_main!(benches);
