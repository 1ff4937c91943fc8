//! Cursors: order, durability, following, starting anywhere.

use super::*;

#[test]
fn a_new_store_is_empty_and_starts_at_one() {
    let disk = MemDisk::new(1);
    let writer = writer(&disk);
    assert_eq!(
        (
            writer.log().oldest(),
            writer.log().newest(),
            writer.next_revision()
        ),
        (1, 0, 1)
    );
    assert_eq!(read_all(writer.log()).unwrap(), []);
}

#[test]
fn records_come_back_in_order_from_any_revision() {
    let disk = MemDisk::new(1);
    let mut writer = writer(&disk);
    fill(&mut writer, 1, 200);
    for from in 1..=200 {
        let mut records = writer.log().read_from(from).unwrap();
        assert_eq!(
            drain(&mut records).unwrap(),
            filled(from, 200),
            "from {from}"
        );
    }
}

#[test]
fn records_come_back_after_reopening_from_any_revision() {
    let disk = MemDisk::new(1);
    let mut first = writer(&disk);
    fill(&mut first, 1, 200);
    let epoch = first.log().epoch();
    first.close().unwrap();
    let second = writer(&disk);
    assert_eq!(second.log().epoch(), epoch);
    for from in (1..=200).rev() {
        let mut records = second.log().read_from(from).unwrap();
        assert_eq!(
            drain(&mut records).unwrap(),
            filled(from, 200),
            "from {from}"
        );
    }
}

#[test]
fn closing_and_opening_again_changes_nothing() {
    let disk = MemDisk::new(1);
    let mut first = writer(&disk);
    fill(&mut first, 1, 50);
    first.close().unwrap();
    for _ in 0..5 {
        let again = writer(&disk);
        assert_eq!(read_all(again.log()).unwrap(), filled(1, 50));
        again.close().unwrap();
    }
    drop(writer(&disk));
    let mut last = writer(&disk);
    fill(&mut last, 50, 60);
    assert_eq!(read_all(last.log()).unwrap(), filled(1, 60));
}

#[test]
fn a_cursor_follows_the_writer() {
    let disk = MemDisk::new(1);
    let mut writer = writer(&disk);
    let mut records = writer.log().read_from(1).unwrap();
    for step in 0..40 {
        assert_eq!(
            drain(&mut records).unwrap(),
            filled(1 + step * 5, 1 + step * 5),
            "nothing yet"
        );
        fill(&mut writer, 1 + step * 5, 6 + step * 5);
        assert_eq!(
            drain(&mut records).unwrap(),
            filled(1 + step * 5, 6 + step * 5)
        );
    }
}

#[test]
fn a_commit_carries_its_time() {
    let disk = MemDisk::new(1);
    let mut writer = writer(&disk);
    writer.append(77, &[b"a", b"b"]).unwrap();
    let mut records = writer.log().read_from(2).unwrap();
    let record = records.next().unwrap().unwrap();
    assert_eq!(
        (record.revision, record.committed_at, record.bytes),
        (2, 77, &b"b"[..])
    );
}

#[test]
fn an_empty_commit_is_nothing_and_an_empty_record_is_a_record() {
    let disk = MemDisk::new(1);
    let mut writer = writer(&disk);
    assert_eq!(writer.append::<&[u8]>(1, &[]).unwrap(), 0);
    assert_eq!(writer.append(1, &[b""]).unwrap(), 1);
    assert_eq!(read_all(writer.log()).unwrap(), [(1, Vec::new())]);
}

#[test]
fn a_revision_that_does_not_exist_yet_is_refused() {
    let disk = MemDisk::new(1);
    let mut writer = writer(&disk);
    fill(&mut writer, 1, 4);
    assert!(
        writer.log().read_from(4).is_ok(),
        "the next one can be waited for"
    );
    let error = writer.log().read_from(5).unwrap_err();
    assert!(
        matches!(
            error,
            LogError::Future {
                asked: 5,
                newest: 3
            }
        ),
        "{error}"
    );
    let error = writer.log().read_from(0).unwrap_err();
    assert!(
        matches!(
            error,
            LogError::Compacted {
                asked: 0,
                oldest: 1
            }
        ),
        "{error}"
    );
}

#[test]
fn a_commit_larger_than_a_segment_gets_one_of_its_own() {
    let disk = MemDisk::new(1);
    let mut writer = writer(&disk);
    let big = vec![7; 5000];
    for _ in 0..3 {
        writer.append(1, &[&big[..], b"small"]).unwrap();
    }
    let all = read_all(writer.log()).unwrap();
    assert_eq!(all.len(), 6);
    assert_eq!(all[4], (5, big));
}

#[test]
fn a_commit_larger_than_a_frame_is_refused_and_harmless() {
    let disk = MemDisk::new(1);
    let mut writer = writer(&disk);
    let huge = vec![0; super::super::MAX_COMMIT];
    let error = writer.append(1, &[huge]).unwrap_err();
    assert!(matches!(error, LogError::TooLarge { .. }), "{error}");
    fill(&mut writer, 1, 3);
}

#[test]
fn a_second_process_is_kept_out() {
    let disk = MemDisk::new(1);
    let first = writer(&disk);
    let error = open(disk.mount(), small(), 0).unwrap_err();
    assert!(matches!(error, LogError::Locked), "{error}");
    drop(first);
    writer(&disk);
}

#[test]
fn a_reader_in_another_thread_sees_whole_commits_only() {
    let disk = MemDisk::new(1);
    let mut writer = writer(&disk);
    let log = writer.log().clone();
    let reader = std::thread::spawn(move || {
        let mut records = log.read_from(1).unwrap();
        let mut seen = 0;
        while seen < 3000 {
            let newest = log.newest();
            assert_eq!(newest % 3, 0, "commits of three");
            while let Some(found) = records.next().unwrap() {
                seen += 1;
                assert_eq!((found.revision, found.bytes), (seen, &record(seen)[..]));
            }
        }
    });
    fill(&mut writer, 1, 3001);
    reader.join().unwrap();
}
