//! Checkpoints and compaction.

use std::time::Duration;

use super::*;
use crate::{
    disk::Disk as _,
    log::{Retention, layout},
};

const NOTHING: Retention = Retention {
    age: None,
    revisions: Some(0),
    bytes: None,
    from: None,
};

#[test]
fn a_checkpoint_comes_back_as_it_was() {
    let disk = MemDisk::new(1);
    let mut first = writer(&disk);
    fill(&mut first, 1, 20);
    let state: Vec<_> = (0..5000).map(record).collect();
    first
        .log()
        .write_checkpoint(15, 9, entries(&state))
        .unwrap();
    first.close().unwrap();
    let opened = open(disk.mount(), small(), 0).unwrap();
    for checkpoint in [opened.checkpoint, opened.writer.log().checkpoint().unwrap()] {
        let mut checkpoint = checkpoint.unwrap();
        assert_eq!((checkpoint.revision(), checkpoint.created_at()), (15, 9));
        let mut found = Vec::new();
        while let Some(entry) = checkpoint.next().unwrap() {
            found.push(entry.to_vec());
        }
        assert_eq!(found, state);
    }
}

#[test]
fn a_checkpoint_may_be_empty_but_not_of_the_future() {
    let disk = MemDisk::new(1);
    let mut writer = writer(&disk);
    fill(&mut writer, 1, 3);
    let log = writer.log();
    let error = log.write_checkpoint(3, 0, entries([b""])).unwrap_err();
    assert!(
        matches!(
            error,
            LogError::Future {
                asked: 3,
                newest: 2
            }
        ),
        "{error}"
    );
    log.write_checkpoint(2, 0, entries([b""; 0])).unwrap();
    assert_eq!(log.checkpoint().unwrap().unwrap().next().unwrap(), None);
}

#[test]
fn checkpoints_stay_as_long_as_history_follows_them() {
    let disk = MemDisk::new(1);
    let mut writer = writer(&disk);
    fill(&mut writer, 1, 100);
    for revision in [3, 50, 60, 55, 99] {
        writer
            .log()
            .write_checkpoint(revision, 0, entries([b"state"]))
            .unwrap();
    }
    assert_eq!(layout::checkpoints(&disk).unwrap(), [3, 50, 60, 99]);
    let log = writer.log();
    assert_eq!(log.oldest_state().unwrap(), 0, "from the beginning");
    let done = log.compact(&NOTHING, 0).unwrap();
    let kept = layout::checkpoints(&disk).unwrap();
    let usable = |at: &&u64| **at >= 60 || **at + 1 >= done.oldest;
    assert_eq!(
        kept,
        [3, 50, 60, 99]
            .iter()
            .filter(usable)
            .copied()
            .collect::<Vec<_>>()
    );
    assert!(done.oldest > 8 && kept.len() < 4, "{done:?} {kept:?}");
    assert_eq!(log.oldest_state().unwrap(), kept[0]);
}

#[test]
fn one_checkpoint_per_segment_is_kept_and_the_newest_two() {
    let disk = MemDisk::new(1);
    let mut writer = writer(&disk);
    fill(&mut writer, 1, 100);
    let log = writer.log();
    for revision in 1..100 {
        log.write_checkpoint(revision, 0, entries([b"state"]))
            .unwrap();
    }
    let kept = layout::checkpoints(&disk).unwrap();
    let starts = layout::segments(&disk).unwrap();
    assert!(starts.len() > 5, "{starts:?}");
    // Right before the first record of a segment: what can become the oldest one.
    let mut expected: Vec<u64> = starts.iter().map(|first| first - 1).collect();
    expected[0] = 1;
    expected.retain(|revision| *revision < 98);
    expected.extend([98, 99]);
    assert_eq!(kept, expected);
    let done = log.compact(&NOTHING, 0).unwrap();
    let oldest = log.oldest_state().unwrap();
    assert_eq!(oldest, done.oldest - 1, "all that is kept can be rebuilt");
}

#[test]
fn a_checkpoint_that_goes_before_it_is_opened_is_passed_over() {
    let disk = MemDisk::new(1);
    let mut writer = writer(&disk);
    fill(&mut writer, 1, 100);
    let log = writer.log();
    for revision in [30, 60, 90, 99] {
        log.write_checkpoint(revision, 0, entries([b"state"]))
            .unwrap();
    }
    let mut bases = log.checkpoints_upto(70).unwrap();
    disk.remove(&layout::checkpoint_path(60)).unwrap();
    assert_eq!(bases.next().unwrap().unwrap().revision(), 30);
    assert!(bases.next().is_none());
    let mut bases = log.checkpoints_upto(70).unwrap();
    log.compact(&NOTHING, 0).unwrap();
    assert!(bases.next().is_none(), "history does not reach back there");
}

#[test]
fn nothing_is_dropped_that_recovery_needs() {
    let disk = MemDisk::new(1);
    let mut writer = writer(&disk);
    fill(&mut writer, 1, 100);
    assert_eq!(
        writer.log().compact(&NOTHING, 0).unwrap().segments,
        0,
        "no checkpoint"
    );
    writer
        .log()
        .write_checkpoint(50, 0, entries([b"state"]))
        .unwrap();
    let done = writer.log().compact(&NOTHING, 0).unwrap();
    assert!(done.segments > 0 && done.oldest <= 51, "{done:?}");
    writer
        .log()
        .write_checkpoint(99, 0, entries([b"state"]))
        .unwrap();
    let done = writer.log().compact(&NOTHING, 0).unwrap();
    assert_eq!(done.segments, 0, "the older checkpoint counts: {done:?}");
    assert_eq!(read_all(writer.log()).unwrap(), filled(done.oldest, 100));
}

#[test]
fn compaction_keeps_what_the_policy_asks_for() {
    let disk = MemDisk::new(1);
    let mut writer = writer(&disk);
    fill(&mut writer, 1, 200);
    let log = writer.log();
    log.write_checkpoint(199, 0, entries([b"state"])).unwrap();
    let all = Retention::default();
    assert_eq!(
        log.compact(&all, i64::MAX).unwrap().segments,
        0,
        "no limit, no loss"
    );
    let by_count = Retention {
        revisions: Some(150),
        ..all
    };
    let oldest = log.compact(&by_count, 0).unwrap().oldest;
    assert!((30..=50).contains(&oldest), "{oldest}");
    // The time of a commit is its revision here.
    let by_age = Retention {
        age: Some(Duration::from_nanos(100)),
        ..all
    };
    let oldest = log.compact(&by_age, 200).unwrap().oldest;
    assert!((80..=100).contains(&oldest), "{oldest}");
    let held = Retention {
        from: Some(oldest),
        ..NOTHING
    };
    assert_eq!(
        log.compact(&held, 0).unwrap().segments,
        0,
        "someone needs it"
    );
    let by_bytes = Retention {
        bytes: Some(3000),
        ..all
    };
    let done = log.compact(&by_bytes, 0).unwrap();
    let left: u64 = layout::segments(&disk)
        .unwrap()
        .iter()
        .map(|first| {
            disk.open(&layout::segment_path(*first))
                .unwrap()
                .size()
                .unwrap()
        })
        .sum();
    assert!(left <= 3000 + 512, "{left} bytes left");
    assert_eq!(read_all(log).unwrap(), filled(done.oldest, 200));
}

#[test]
fn the_states_that_history_is_read_from_count_as_history() {
    let disk = MemDisk::new(1);
    let mut writer = writer(&disk);
    fill(&mut writer, 1, 200);
    let log = writer.log();
    for revision in layout::segments(&disk).unwrap() {
        log.write_checkpoint(revision, 0, entries([[0; 3000]]))
            .unwrap();
    }
    log.write_checkpoint(198, 0, entries([[0; 3000]])).unwrap();
    log.write_checkpoint(199, 0, entries([[0; 3000]])).unwrap();
    let bounded = Retention {
        bytes: Some(20_000),
        ..Retention::default()
    };
    let size = |path: &str| disk.open(path).unwrap().size().unwrap();
    let all = || -> u64 {
        let segments = layout::segments(&disk).unwrap().into_iter();
        let segments = segments.map(|first| size(&layout::segment_path(first)));
        let states = layout::checkpoints(&disk).unwrap().into_iter().rev();
        let states = states.skip(2).map(|at| size(&layout::checkpoint_path(at)));
        segments.chain(states).sum()
    };
    let before = all();
    let done = log.compact(&bounded, 0).unwrap();
    let left = all();
    assert!(before > 30_000 && left <= 20_512, "{before} then {left}");
    assert!(left > 12_000, "no more goes than must: {left}");
    assert_eq!(read_all(log).unwrap(), filled(done.oldest, 200));
}

#[test]
fn a_cursor_that_compaction_overtakes_is_told() {
    let disk = MemDisk::new(1);
    let mut writer = writer(&disk);
    fill(&mut writer, 1, 100);
    let mut slow = writer.log().read_from(1).unwrap();
    slow.next().unwrap().unwrap();
    let mut not_started = writer.log().read_from(1).unwrap();
    writer
        .log()
        .write_checkpoint(99, 0, entries([b"state"]))
        .unwrap();
    let oldest = writer.log().compact(&NOTHING, 0).unwrap().oldest;
    let error = drain(&mut slow).unwrap_err();
    assert!(
        matches!(error, LogError::Compacted { oldest: o, .. } if o == oldest),
        "{error}"
    );
    assert!(
        slow.next_revision() > 5,
        "it finished the segment it was in"
    );
    let error = not_started.next().unwrap_err();
    assert!(
        matches!(error, LogError::Compacted { asked: 1, .. }),
        "{error}"
    );
    let error = writer.log().read_from(oldest - 1).unwrap_err();
    assert!(matches!(error, LogError::Compacted { .. }), "{error}");
}

#[test]
fn a_compacted_store_opens_and_goes_on() {
    let disk = MemDisk::new(1);
    let mut first = writer(&disk);
    fill(&mut first, 1, 100);
    first
        .log()
        .write_checkpoint(99, 0, entries([b"state"]))
        .unwrap();
    let oldest = first.log().compact(&NOTHING, 0).unwrap().oldest;
    first.close().unwrap();
    let mut opened = open(disk.mount(), small(), 0).unwrap();
    assert_eq!(opened.checkpoint.unwrap().revision(), 99);
    assert_eq!(opened.writer.log().oldest(), oldest);
    fill(&mut opened.writer, 100, 150);
    assert_eq!(read_all(opened.writer.log()).unwrap(), filled(oldest, 150));
}

#[test]
fn a_quiet_store_starts_segments_by_age() {
    let disk = MemDisk::new(1);
    let mut writer = writer(&disk);
    let hour = 3_600_000_000_000;
    for n in 0..10 {
        writer.append(n * 4 * hour, &[b"rare"]).unwrap();
    }
    assert_eq!(layout::segments(&disk).unwrap(), [1, 3, 5, 7, 9]);
}

#[test]
fn a_checkpoint_that_cannot_be_completed_does_not_exist() {
    let disk = MemDisk::new(1);
    let mut writer = writer(&disk);
    fill(&mut writer, 1, 10);
    let half = [Ok(b"entry"), Err(LogError::Locked)];
    let error = writer.log().write_checkpoint(9, 0, half).unwrap_err();
    assert!(matches!(error, LogError::Locked), "{error}");
    assert!(disk.list(layout::CHECKPOINTS).unwrap().is_empty());
    assert_eq!(writer.log().checkpointed(), 0);
}

#[test]
fn compaction_relies_on_durable_checkpoints_only() {
    for seed in 0..40 {
        let disk = MemDisk::new(seed);
        let mut first = writer(&disk);
        fill(&mut first, 1, 100);
        // The checkpoint gets its name, and the sync of that name fails.
        let mut unsure = false;
        for refused in 0..20 {
            disk.faults().power_off_after(refused);
            let result = first.log().write_checkpoint(99, 0, entries([b"state"]));
            disk.faults().heal();
            unsure = result.is_err() && !layout::checkpoints(&disk).unwrap().is_empty();
            if unsure {
                break;
            }
        }
        assert!(unsure, "the test finds that moment");
        first.log().compact(&NOTHING, 0).unwrap();
        disk.power_cut();
        assert_eq!(writer(&disk).log().newest(), 99);
    }
}
