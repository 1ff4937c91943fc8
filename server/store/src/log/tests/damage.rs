//! Bytes that change by themselves: found, reported with place and revision, and a way out.

use super::*;
use crate::{
    disk::Disk as _,
    log::{Item, Survey, Tail, layout, salvage, survey},
};

fn check(disk: &MemDisk) -> Survey {
    survey(disk, |_| Ok::<_, LogError>(())).unwrap()
}

/// A store of two and a half segments, closed.
fn store(seed: u64) -> MemDisk {
    let disk = MemDisk::new(seed);
    let mut writer = writer(&disk);
    fill(&mut writer, 1, 40);
    writer.close().unwrap();
    disk
}

fn length(disk: &MemDisk, path: &str) -> usize {
    usize::try_from(disk.open(path).unwrap().size().unwrap()).unwrap()
}

#[test]
fn a_flipped_bit_anywhere_in_a_closed_store_is_found() {
    let revisions = layout::segments(&store(0)).unwrap();
    assert!(revisions.len() > 2, "{revisions:?}");
    for revision in revisions {
        let path = layout::segment_path(revision);
        for offset in 0..length(&store(0), &path) {
            let disk = store(0);
            disk.flip_bit(&path, offset);
            let found = check(&disk);
            let closed = revision > 30 && found.segments.last().unwrap().tail != Tail::Clean;
            assert!(!found.damage.is_empty() || closed, "{path} {offset}");
            let opened = open(disk.mount(), small(), 0);
            match opened.and_then(|opened| read_all(opened.writer.log())) {
                Err(LogError::Corrupt { file, .. }) => assert_eq!(file, path),
                Err(error) => panic!("{error}"),
                // Only the end mark of the last segment may be lost: no record is in it.
                Ok(records) => assert!(closed && records == filled(1, 40), "{path} {offset}"),
            }
        }
    }
}

#[test]
fn a_store_of_a_later_version_is_left_alone() {
    let disk = store(0);
    let path = layout::segment_path(1);
    let mut header = [0; 64];
    disk.open(&path).unwrap().read_at(&mut header, 0).unwrap();
    header[8] = 9;
    header[12..16].fill(0);
    let crc = crc32c::crc32c(&header);
    header[12..16].copy_from_slice(&crc.to_le_bytes());
    disk.open_rw(&path).unwrap().write_at(&header, 0).unwrap();
    let error = open(disk.mount(), small(), 0).unwrap_err();
    assert!(
        matches!(
            error,
            LogError::Version {
                found: 9,
                supported: 1,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn damage_says_where_it_is() {
    let disk = store(0);
    let path = layout::segment_path(1);
    disk.flip_bit(&path, 300);
    let error = read_all(writer(&disk).log()).unwrap_err();
    let LogError::Corrupt {
        file,
        offset,
        revision,
        ..
    } = &error
    else {
        panic!("{error}")
    };
    assert_eq!(file, &path);
    assert!((64..300).contains(offset));
    assert!((2..12).contains(revision), "{revision}");
    assert_eq!(check(&disk).damage[0].to_string(), error.to_string());
}

#[test]
fn a_damaged_frame_before_a_good_one_is_not_cut_off() {
    let disk = MemDisk::new(0);
    let mut first = writer(&disk);
    fill(&mut first, 1, 10);
    disk.flip_bit(&layout::segment_path(1), 150);
    disk.kill();
    let error = open(disk.mount(), small(), 0).unwrap_err();
    assert!(matches!(error, LogError::Corrupt { .. }), "{error}");
    let error = open(disk.mount(), small(), 0).unwrap_err();
    assert!(
        matches!(error, LogError::Corrupt { .. }),
        "and stays so: {error}"
    );
}

#[test]
fn a_missing_segment_is_found() {
    for gone in 0..3 {
        let disk = store(0);
        let revisions = layout::segments(&disk).unwrap();
        disk.remove(&layout::segment_path(revisions[gone])).unwrap();
        let found = check(&disk);
        let opened = open(disk.mount(), small(), 0);
        if gone == revisions.len() - 1 {
            // Nothing tells that there was another one.
            assert!(opened.is_ok());
        } else {
            assert!(
                matches!(opened, Err(LogError::Corrupt { .. })),
                "{gone} of {revisions:?}"
            );
            assert!(!found.damage.is_empty(), "{gone} of {revisions:?}");
        }
    }
}

#[test]
fn a_store_without_identity_is_not_taken_for_a_new_one() {
    let disk = store(0);
    disk.remove(layout::EPOCH).unwrap();
    let error = open(disk.mount(), small(), 0).unwrap_err();
    assert!(matches!(error, LogError::Corrupt { .. }), "{error}");
}

#[test]
fn a_segment_of_another_store_is_refused() {
    let (disk, other) = (store(0), store(1));
    let path = layout::segment_path(1);
    let mut bytes = vec![0; length(&other, &path)];
    other.open(&path).unwrap().read_at(&mut bytes, 0).unwrap();
    let file = disk.create(&path).unwrap();
    file.write_at(&bytes, 0).unwrap();
    let error = open(disk.mount(), small(), 0).unwrap_err();
    assert!(matches!(error, LogError::Corrupt { .. }), "{error}");
}

#[test]
fn a_damaged_checkpoint_is_passed_over_for_the_one_before() {
    let disk = MemDisk::new(0);
    let mut first = writer(&disk);
    fill(&mut first, 1, 20);
    first
        .log()
        .write_checkpoint(10, 0, entries([b"ten"]))
        .unwrap();
    first
        .log()
        .write_checkpoint(19, 0, entries([b"nineteen"]))
        .unwrap();
    first.close().unwrap();
    disk.flip_bit(&layout::checkpoint_path(19), 70);
    let mut opened = open(disk.mount(), small(), 0).unwrap();
    assert_eq!(opened.recovery.bad_checkpoints.len(), 1);
    let checkpoint = opened.checkpoint.as_mut().unwrap();
    assert_eq!(
        (checkpoint.revision(), checkpoint.next().unwrap()),
        (10, Some(&b"ten"[..]))
    );
    assert_eq!(check(&disk).damage.len(), 1);
}

#[test]
fn everything_before_and_after_damage_can_be_exported() {
    let disk = store(0);
    disk.flip_bit(&layout::segment_path(1), 300);
    let (mut records, mut damage) = (Vec::new(), 0);
    survey(&disk, |item| {
        match item {
            Item::Record(record) => records.push((record.revision, record.bytes.to_vec())),
            Item::Damage(_) => damage += 1,
            Item::Entry { .. } => {}
        }
        Ok::<_, LogError>(())
    })
    .unwrap();
    assert!(damage >= 1);
    assert_eq!(records.len(), 36, "one commit of three is lost");
    assert!(records.iter().all(|found| filled(1, 40).contains(found)));
}

#[test]
fn a_salvaged_store_holds_everything_up_to_the_damage() {
    let disk = store(0);
    disk.flip_bit(&layout::segment_path(1), 300);
    let into = MemDisk::new(2);
    let kept = salvage(&disk, into.mount(), &small(), 0).unwrap();
    assert_eq!(kept.newest + 3 + kept.lost, 39);
    let opened = writer(&into);
    assert_eq!(read_all(opened.log()).unwrap(), filled(1, kept.newest + 1));
    assert_ne!(
        Some(opened.log().epoch()),
        check(&disk).epoch,
        "clients must not mix the two up"
    );
    let again = salvage(&disk, into.mount(), &small(), 0);
    assert!(again.is_err(), "never into a store that exists");
}

#[test]
fn a_salvaged_store_starts_from_the_checkpoint() {
    let disk = MemDisk::new(0);
    let mut first = writer(&disk);
    fill(&mut first, 1, 40);
    first
        .log()
        .write_checkpoint(30, 0, entries(["thirty", "state"]))
        .unwrap();
    first.close().unwrap();
    disk.flip_bit(&layout::segment_path(1), 300);
    let into = MemDisk::new(2);
    let kept = salvage(&disk, into.mount(), &small(), 0).unwrap();
    assert_eq!((kept.checkpoint, kept.newest, kept.lost), (30, 39, 0));
    let mut opened = open(into.mount(), small(), 0).unwrap();
    assert_eq!(
        opened.checkpoint.as_mut().unwrap().next().unwrap(),
        Some(&b"thirty"[..])
    );
    assert_eq!(read_all(opened.writer.log()).unwrap(), filled(31, 40));
}

#[test]
fn a_sound_store_has_no_damage() {
    let disk = store(0);
    let found = check(&disk);
    assert!(found.damage.is_empty(), "{:?}", found.damage);
    assert!(
        found
            .segments
            .iter()
            .all(|segment| segment.tail == Tail::Clean)
    );
    assert_eq!(found.segments.last().unwrap().next, 40);
    assert_eq!(
        found
            .segments
            .iter()
            .map(|segment| segment.commits)
            .sum::<u64>(),
        13
    );
}
