//! What an operator does with a stopped store: check, export, compact; and a server whose
//! checkpoints fail.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

#[expect(dead_code, reason = "made for the conformance suite")]
mod world;

use lifepod_lifecycle::{
    port::{Journal, StoreError},
    time::Timestamp,
};
use lifepod_store::{
    disk::{Disk as _, MemDisk, Op},
    journal::{DurableJournal, JournalOptions, check, compact, export},
    log::{Options, Retention},
};
use serde_json::Value;
use world::World;

fn options() -> JournalOptions {
    JournalOptions {
        log: Options {
            segment_bytes: 20_000,
            ..Options::default()
        },
        retention: Retention::default(),
        checkpoint_bytes: 30_000,
        ..JournalOptions::default()
    }
}

fn open(disk: &MemDisk) -> Result<DurableJournal, StoreError> {
    DurableJournal::open(disk.mount(), options(), Timestamp(0))
}

/// A closed store with 100 records of 10 pods, one of them removed.
fn store() -> (MemDisk, World) {
    let disk = MemDisk::new(1);
    let mut world = World::new(Box::new(open(&disk).unwrap()));
    for n in 0..99 {
        world.commit(&[n % 10]);
    }
    world.remove(9);
    world.journal.close().unwrap();
    (disk, world)
}

fn exported(disk: &MemDisk) -> Vec<Value> {
    let mut out = Vec::new();
    export(disk, &mut out).unwrap();
    let lines = std::str::from_utf8(&out).unwrap().lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// A segment that neither the newest checkpoint nor the end of the store is in.
fn old_segment(disk: &MemDisk) -> String {
    let mut names = disk.list("journal").unwrap();
    names.sort_unstable();
    format!("journal/{}", names[0])
}

#[test]
fn a_sound_store_passes_the_check() {
    let (disk, _) = store();
    let report = check(&disk).unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(report.survey.checkpoints.last().unwrap().0, 100);
}

#[test]
fn an_export_holds_state_and_history() {
    let (disk, world) = store();
    let lines = exported(&disk);
    let pods = lines
        .iter()
        .filter(|line| line["checkpoint"]["entry"]["Pod"].is_object())
        .count();
    assert_eq!(pods, world.pods().len());
    let records: Vec<_> = lines.iter().filter_map(|line| line.get("record")).collect();
    assert_eq!(records.len(), world.records.len());
    assert_eq!(
        *records[41],
        serde_json::to_value(&*world.records[41]).unwrap()
    );
}

#[test]
fn an_export_goes_on_after_damage_and_says_where_it_is() {
    let (disk, world) = store();
    disk.flip_bit(&old_segment(&disk), 500);
    let lines = exported(&disk);
    let damage: Vec<_> = lines.iter().filter_map(|line| line.get("damage")).collect();
    assert!(
        damage[0]["error"]
            .as_str()
            .unwrap()
            .contains("damaged at byte")
    );
    let records = lines
        .iter()
        .filter(|line| line["record"].is_object())
        .count();
    assert_eq!(records, world.records.len() - 1);
    assert!(!check(&disk).unwrap().is_sound());
}

#[test]
fn what_cannot_be_understood_is_reported_and_exported_around() {
    let disk = MemDisk::new(1);
    let mut writer = lifepod_store::log::open(disk.mount(), Options::default(), 0)
        .unwrap()
        .writer;
    writer.append(0, &[b"\x01not a record"]).unwrap();
    writer.close().unwrap();
    let report = check(&disk).unwrap();
    assert_eq!(report.unreadable[0].0, "revision 1");
    assert_eq!(exported(&disk)[0]["unreadable"]["revision"], 1);
    assert!(matches!(open(&disk), Err(StoreError::Corrupt { .. })));
}

#[test]
fn a_stopped_store_is_compacted_and_keeps_its_state() {
    let (disk, world) = store();
    // The older of two checkpoints decides; after this there are two at the end.
    let mut journal = World::new(Box::new(open(&disk).unwrap()));
    journal.records = world.records;
    journal.commit(&[1]);
    journal.journal.close().unwrap();
    let tight = JournalOptions {
        retention: Retention {
            revisions: Some(1),
            ..Retention::default()
        },
        ..options()
    };
    let done = compact(disk.mount(), tight, Timestamp(0)).unwrap();
    assert!(done.segments > 0 && done.oldest > 50, "{done:?}");
    let loaded = open(&disk).unwrap().load().unwrap();
    assert_eq!(world::pods_of(&loaded), journal.pods());
    assert!(check(&disk).unwrap().is_sound());
}

#[test]
fn a_store_in_use_is_not_compacted() {
    let disk = MemDisk::new(1);
    let _open = open(&disk).unwrap();
    let error = compact(disk.mount(), options(), Timestamp(0)).unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
}

#[test]
fn commits_go_on_when_checkpoints_fail() {
    let disk = MemDisk::new(1);
    let roomy = JournalOptions {
        log: Options::default(),
        ..options()
    };
    let journal = DurableJournal::open(disk.mount(), roomy, Timestamp(0)).unwrap();
    let mut world = World::new(Box::new(journal));
    // No file can be made; the one that takes the commits is there.
    disk.faults()
        .fail(&[Op::Name], rustix::io::Errno::NOSPC, u64::MAX);
    for n in 0..200 {
        world.commit(&[n % 10]);
    }
    let error = world.journal.close().unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
    disk.kill();
    assert!(disk.list("checkpoint").unwrap().is_empty());
    let loaded = open(&disk).unwrap().load().unwrap();
    assert_eq!(world::pods_of(&loaded), world.pods());
}
