//! Disks that refuse: nothing half-done is visible, and it works again by itself.

use rustix::io::Errno;

use super::*;
use crate::{
    disk::{Disk as _, Op},
    log::{Tail, layout, survey},
};

/// Every kind of change that fails, at a commit that starts a segment and at one that does not.
fn each_fault(error: Errno, check: impl Fn(&LogError)) {
    for op in Op::CHANGES {
        for before in 1..30 {
            for times in [1, 2, 3, 7, 20] {
                let disk = MemDisk::new(before);
                let mut writer = writer(&disk);
                fill(&mut writer, 1, before);
                let mut follower = writer.log().read_from(1).unwrap();
                disk.faults().fail(&[op], error, times);
                for attempt in 0..times {
                    if let Err(e) = writer.append(1, &[b"refused ".repeat(9 + attempt as usize)]) {
                        check(&e);
                        assert_eq!(
                            drain(&mut follower).unwrap().len() as u64 + 1,
                            writer.next_revision()
                        );
                        follower = writer.log().read_from(1).unwrap();
                    } else {
                        break;
                    }
                }
                disk.faults().heal();
                let next = writer.next_revision();
                fill(&mut writer, next, next + 5);
                let all = read_all(writer.log()).unwrap();
                disk.power_cut();
                let again = super::writer(&disk);
                assert_eq!(
                    read_all(again.log()).unwrap(),
                    all,
                    "{op:?} x{times} after {before}"
                );
                assert_eq!(all[..before as usize - 1], filled(1, before)[..]);
                assert_eq!(all[next as usize - 1..], filled(next, next + 5)[..]);
            }
        }
    }
}

#[test]
fn a_full_disk_refuses_commits_until_there_is_space() {
    each_fault(Errno::NOSPC, |e| {
        assert!(matches!(e, LogError::Full { .. }), "{e}");
    });
}

#[test]
fn a_read_only_disk_refuses_commits_until_it_is_writable() {
    each_fault(Errno::ROFS, |e| {
        assert!(matches!(e, LogError::ReadOnly { .. }), "{e}");
    });
}

#[test]
fn an_io_error_refuses_commits_until_it_clears() {
    each_fault(Errno::IO, |e| {
        assert!(matches!(e, LogError::Io { .. }), "{e}");
    });
}

#[test]
fn a_refused_commit_is_gone_once_a_later_one_is_durable() {
    for seed in 0..200 {
        let disk = MemDisk::new(seed);
        let mut writer = writer(&disk);
        fill(&mut writer, 1, 10);
        disk.faults().fail(&[Op::Sync], Errno::IO, 1);
        writer.append(1, &[b"refused"]).unwrap_err();
        fill(&mut writer, 10, 12);
        disk.power_cut();
        assert_eq!(read_all(super::writer(&disk).log()).unwrap(), filled(1, 12));
    }
}

#[test]
fn a_failed_sync_that_lost_an_earlier_commit_is_reported() {
    let disk = MemDisk::new(1);
    let mut writer = writer(&disk);
    fill(&mut writer, 1, 4);
    let segment = layout::segment_path(1);
    disk.faults().fail(&[Op::Sync], Errno::IO, 1);
    disk.flip_bit(&segment, 100);
    writer.append(1, &[b"refused"]).unwrap_err();
    let error = writer.append(1, &[b"refused as well"]).unwrap_err();
    assert!(
        matches!(error, LogError::Corrupt { revision: 1, .. }),
        "{error}"
    );
}

#[test]
fn a_store_opens_when_the_disk_allows_it_again() {
    for op in Op::CHANGES {
        for times in 1..12 {
            let disk = MemDisk::new(times);
            let mut first = writer(&disk);
            fill(&mut first, 1, 20);
            disk.kill();
            disk.faults().fail(&[op], Errno::IO, times);
            for _ in 0..times {
                if open(disk.mount(), small(), 0).is_ok() {
                    break;
                }
            }
            disk.faults().heal();
            assert_eq!(read_all(writer(&disk).log()).unwrap(), filled(1, 20));
        }
    }
}

#[test]
fn a_segment_that_cannot_be_started_is_no_reason_to_refuse() {
    let disk = MemDisk::new(1);
    let mut writer = writer(&disk);
    disk.faults().fail(&[Op::Name], Errno::NOSPC, u64::MAX);
    fill(&mut writer, 1, 200);
    assert_eq!(layout::segments(&disk).unwrap(), [1]);
    disk.faults().heal();
    fill(&mut writer, 200, 300);
    assert!(layout::segments(&disk).unwrap().len() > 1);
    assert_eq!(read_all(writer.log()).unwrap(), filled(1, 300));
}

#[test]
fn commits_and_bytes_are_counted() {
    let disk = MemDisk::new(1);
    let mut writer = writer(&disk);
    fill(&mut writer, 1, 7);
    disk.faults().fail(&[Op::Write], Errno::NOSPC, 1);
    writer.append(1, &[b"refused"]).unwrap_err();
    let stats = writer.log().stats();
    assert_eq!((stats.commits, stats.records, stats.failures), (2, 6, 1));
    let before = disk.faults().counts();
    writer.append(1, &[b"one"]).unwrap();
    let after = disk.faults().counts();
    assert_eq!(after.syncs - before.syncs, 1, "one sync per commit");
    assert_eq!(after.bytes - before.bytes, 32 + 4 + 3);
}

#[test]
fn a_refused_commit_is_gone_at_once_if_the_disk_works_again() {
    for seed in 0..200 {
        let disk = MemDisk::new(seed);
        let mut writer = writer(&disk);
        fill(&mut writer, 1, 10);
        disk.faults().fail(&[Op::Sync], Errno::IO, 1);
        writer.append(1, &[b"refused"]).unwrap_err();
        disk.power_cut();
        assert_eq!(read_all(super::writer(&disk).log()).unwrap(), filled(1, 10));
    }
}

#[test]
fn a_segment_without_records_is_replaced_by_the_next() {
    let disk = MemDisk::new(1);
    let mut writer = writer(&disk);
    disk.faults().fail(&[Op::Sync], Errno::IO, 1);
    writer.append(1, &[b"refused"]).unwrap_err();
    fill(&mut writer, 1, 100);
    let segments = writer.log().0.segments.read().clone();
    assert!(
        segments
            .windows(2)
            .all(|pair| pair[0].first() < pair[1].first())
    );
    let known: Vec<_> = segments.iter().map(|segment| segment.first()).collect();
    assert_eq!(known, layout::segments(&disk).unwrap());
}

#[test]
fn what_was_refused_or_torn_leaves_nothing_behind() {
    for seed in 0..50 {
        let disk = MemDisk::new(seed);
        let mut first = open(disk.mount(), unreserved(), 0).unwrap().writer;
        fill(&mut first, 1, 8);
        disk.faults().fail(&[Op::Write], Errno::NOSPC, 1);
        first.append(1, &[vec![7; 400]]).unwrap_err();
        first.append(1, &[b"short"]).unwrap();
        assert_eq!(last_tail(&disk), Tail::Clean, "after a refused write");
        disk.faults().power_off_after(1 + seed % 6);
        for _ in 0..9 {
            let _ = first.append(1, &[vec![7; 400]]);
        }
        disk.power_cut();
        let _second = open(disk.mount(), unreserved(), 0).unwrap();
        assert_eq!(last_tail(&disk), Tail::Clean, "after a torn one");
        let names = disk.list(layout::JOURNAL).unwrap();
        assert!(names.iter().all(|name| name.ends_with(".log")), "{names:?}");
    }
}

fn unreserved() -> Options {
    Options {
        reserve_bytes: 0,
        ..small()
    }
}

fn last_tail(disk: &MemDisk) -> Tail {
    let found = survey(disk, |_| Ok::<_, LogError>(())).unwrap();
    found.segments.last().unwrap().tail
}
