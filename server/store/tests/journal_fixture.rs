//! A journal of pods written by an earlier version, kept so that every later version proves it can
//! read it: its records, its checkpoint, its state now and in the past.
//!
//! `LIFEPOD_STORE_WRITE_FIXTURE=1 cargo test -p lifepod-store --test journal_fixture` writes the one of
//! the present format, if there is none; those there are stay as they are.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

#[expect(dead_code, reason = "made for the conformance suite")]
mod world;

use std::{fs, path::PathBuf, sync::Arc};

use lifepod_lifecycle::{id::Revision, port::Journal as _, time::Timestamp};
use lifepod_store::{
    disk::RealDisk,
    journal::{DurableJournal, JournalOptions, check},
    log::{Options, Retention},
};
use world::World;

/// Pods, of which one is removed, and records after the checkpoint.
const PODS: u64 = 6;
const LATER: u64 = 3;
const NEWEST: u64 = PODS + 1 + 1 + LATER;

fn fixture() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/journal-1")
}

fn options() -> JournalOptions {
    JournalOptions {
        log: Options {
            reserve_bytes: 0,
            ..Options::default()
        },
        retention: Retention::default(),
        ..JournalOptions::default()
    }
}

fn open(dir: &PathBuf) -> DurableJournal {
    let disk = Arc::new(RealDisk::new(dir).unwrap());
    DurableJournal::open(disk, options(), Timestamp::from_secs(1_800_000_000)).unwrap()
}

fn write() {
    let dir = fixture();
    let mut world = World::new(Box::new(open(&dir)));
    for pod in 0..PODS {
        world.commit(&[pod]);
    }
    world.request(PODS, "5f0c7a52-0000-4000-8000-000000000001");
    world.remove(2);
    // Closing writes the checkpoint.
    world.journal.close().unwrap();
    world.journal = Box::new(open(&dir));
    for pod in 0..LATER {
        world.commit(&[10 + pod]);
    }
    // Not closed: these are read from the log.
    drop(world);
    fs::remove_file(dir.join("LOCK")).unwrap();
}

fn copy(from: &PathBuf, to: &PathBuf) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_journal_of_an_earlier_version_is_read() {
    if std::env::var_os("LIFEPOD_STORE_WRITE_FIXTURE").is_some() && !fixture().exists() {
        write();
    }
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store");
    copy(&fixture(), &store);
    let report = check(&RealDisk::existing(&store)).unwrap();
    assert!(report.is_sound(), "{report:?}");

    let mut journal = open(&store);
    let loaded = journal.load().unwrap();
    assert_eq!(loaded.revision, Revision(NEWEST));
    let mut names: Vec<_> = loaded
        .pods
        .iter()
        .map(|pod| pod.meta.key.to_string())
        .collect();
    names.sort_unstable();
    let known = [0, 1, 10, 11, 12, 3, 4, 5, 6];
    assert_eq!(names, known.map(|n| format!("default/pod-{n}")));
    assert_eq!(loaded.requests.len(), 1);
    assert_eq!(
        loaded.requests[0].request.as_ref().unwrap().id,
        "5f0c7a52-0000-4000-8000-000000000001"
    );

    let reader = journal.reader();
    let records = reader.read_after(Revision(0), 100).unwrap().records;
    assert_eq!(records.len() as u64, NEWEST);
    for (record, revision) in records.iter().zip(1..) {
        assert_eq!(record.revision, Revision(revision));
        assert_eq!(record.pod.spec.containers[0].name, "app");
        assert!(record.transitions.iter().any(|t| t.to == "Created"));
        assert_eq!(record.removed, revision == PODS + 2);
    }
    for (revision, pods) in [(0, 0), (PODS, 6), (PODS + 1, 7), (PODS + 2, 6), (NEWEST, 9)] {
        let state = reader.state_at(Revision(revision)).unwrap();
        assert_eq!(state.len(), pods, "revision {revision}");
    }
}
