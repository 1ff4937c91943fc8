//! What every store promises, asked of each of them: in memory, on the log over a disk in
//! memory, on the log over a real directory.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod world;

use std::{sync::Arc, time::Duration};

use lifepod_lifecycle::{
    id::Revision,
    port::{Journal as _, StoreError},
    time::Timestamp,
};

use world::{OnDirectory, OnLog, OnMemory, Store, World, pods_of};

/// Makes one module of tests per store.
macro_rules! conformance {
    ($($store:ident: $new:expr;)*) => {
        $(mod $store {
            use super::*;
            conformance!(@tests $new;
                a_new_store_is_empty
                what_was_committed_is_loaded
                a_removed_pod_is_not_loaded
                records_come_back_as_they_were
                pages_follow_each_other
                readers_at_different_places_do_not_disturb_each_other
                nothing_is_read_after_the_newest
                a_refused_commit_is_nowhere_and_the_next_one_works
                answers_are_kept_for_the_window
                answers_are_kept_up_to_a_number
                old_records_are_compacted_and_the_state_is_not
                records_with_answers_outlive_the_history
                one_journal_at_a_time
                a_closed_journal_refuses_and_its_reader_reads
                closing_twice_is_fine
                loading_twice_gives_the_same
                the_past_is_read_as_it_was
                a_reader_in_another_thread_sees_no_gap
            );
        })*
    };
    (@tests $new:expr; $($name:ident)*) => {
        $(#[test] fn $name() { super::$name(&$new); })*
    };
}

conformance! {
    memory: OnMemory::new();
    log_in_memory: OnLog::new();
    log_in_directory: OnDirectory::new();
}

fn a_new_store_is_empty(store: &dyn Store) {
    let mut journal = store.open();
    let loaded = journal.load().unwrap();
    assert_eq!(loaded.revision, Revision(0));
    assert!(loaded.pods.is_empty() && loaded.requests.is_empty());
    assert_eq!(journal.epoch().len(), 36, "a UUID");
    let reader = journal.reader();
    assert_eq!(reader.oldest(), Revision(0));
    assert!(
        reader
            .read_after(Revision(0), 10)
            .unwrap()
            .records
            .is_empty()
    );
}

fn what_was_committed_is_loaded(store: &dyn Store) {
    let mut world = World::new(store.open());
    let epoch = world.journal.epoch();
    for n in 0..20 {
        world.commit(&[n % 7, n % 5]);
    }
    for _ in 0..3 {
        world.reopen(store);
        assert_eq!(world.journal.epoch(), epoch);
        let loaded = world.journal.load().unwrap();
        assert_eq!(loaded.revision, world.revision());
        assert_eq!(pods_of(&loaded), world.pods());
    }
}

fn a_removed_pod_is_not_loaded(store: &dyn Store) {
    let mut world = World::new(store.open());
    world.commit(&[1, 2, 3]);
    world.remove(2);
    assert_eq!(world.pods().len(), 2);
    assert_eq!(pods_of(&world.journal.load().unwrap()), world.pods());
    world.reopen(store);
    assert_eq!(pods_of(&world.journal.load().unwrap()), world.pods());
}

fn records_come_back_as_they_were(store: &dyn Store) {
    let mut world = World::new(store.open());
    world.commit(&[1, 2]);
    world.request(3, "request-1");
    world.remove(1);
    let page = world.journal.reader().read_after(Revision(0), 10).unwrap();
    assert_eq!(page.records, world.records);
    world.reopen(store);
    let page = world.journal.reader().read_after(Revision(0), 10).unwrap();
    assert_eq!(page.records, world.records);
}

fn pages_follow_each_other(store: &dyn Store) {
    let mut world = World::new(store.open());
    for n in 0..50 {
        world.commit(&[n % 3, 9]);
    }
    let reader = world.journal.reader();
    for limit in [1, 3, 7, 99, 1000] {
        for start in [0, 1, 50, 98] {
            let (mut after, mut seen) = (Revision(start), Vec::new());
            loop {
                let page = reader.read_after(after, limit).unwrap();
                assert!(page.records.len() <= limit);
                let Some(last) = page.records.last() else {
                    break;
                };
                after = last.revision;
                seen.extend(page.records);
            }
            assert_eq!(seen, world.records[usize::try_from(start).unwrap()..]);
        }
    }
    assert!(
        reader
            .read_after(Revision(0), 0)
            .unwrap()
            .records
            .is_empty()
    );
}

fn readers_at_different_places_do_not_disturb_each_other(store: &dyn Store) {
    let mut world = World::new(store.open());
    for n in 0..45 {
        world.commit(&[n % 3, 9]);
    }
    let reader = world.journal.reader();
    let mut places: Vec<_> = (0..12).map(|n| Revision(n * 5)).collect();
    for round in 0..6 {
        for after in &mut places {
            let page = reader.read_after(*after, 4 + round).unwrap();
            let from = usize::try_from(after.0).unwrap();
            assert_eq!(page.records, world.records[from..from + 4 + round]);
            *after = page.records[1].revision;
        }
    }
}

fn nothing_is_read_after_the_newest(store: &dyn Store) {
    let mut world = World::new(store.open());
    world.commit(&[1]);
    let reader = world.journal.reader();
    for after in [1, 2, 1000] {
        assert!(
            reader
                .read_after(Revision(after), 10)
                .unwrap()
                .records
                .is_empty()
        );
    }
    world.commit(&[2]);
    assert_eq!(reader.read_after(Revision(1), 10).unwrap().records.len(), 1);
}

fn a_refused_commit_is_nowhere_and_the_next_one_works(store: &dyn Store) {
    let mut world = World::new(store.open());
    world.commit(&[1, 2]);
    store.refuse(true);
    let refused = world.next(&[1, 3]);
    for _ in 0..3 {
        let error = world.journal.commit(&refused).unwrap_err();
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
    }
    let reader = world.journal.reader();
    assert_eq!(
        reader.read_after(Revision(0), 10).unwrap().records,
        world.records
    );
    assert_eq!(pods_of(&world.journal.load().unwrap()), world.pods());
    store.refuse(false);
    world.commit(&[4]);
    world.reopen(store);
    assert_eq!(pods_of(&world.journal.load().unwrap()), world.pods());
    assert_eq!(
        world
            .journal
            .reader()
            .read_after(Revision(0), 10)
            .unwrap()
            .records,
        world.records
    );
}

fn answers_are_kept_for_the_window(store: &dyn Store) {
    let mut world = World::new(store.open());
    world.request(1, "old");
    world.pass(Duration::from_secs(30));
    world.request(2, "young");
    world.commit(&[1]);
    world.pass(Duration::from_secs(31));
    world.request(3, "newest");
    for _ in 0..2 {
        let loaded = world.journal.load().unwrap();
        let ids: Vec<_> = loaded
            .requests
            .iter()
            .map(|r| r.request.clone().unwrap().id)
            .collect();
        assert_eq!(ids, ["young", "newest"], "the window is a minute");
        assert_eq!(loaded.requests[0], *world.records[1]);
        world.reopen(store);
    }
}

fn answers_are_kept_up_to_a_number(store: &dyn Store) {
    let mut world = World::new(store.open());
    for n in 0..12 {
        world.request(n, &format!("request-{n}"));
    }
    for _ in 0..2 {
        let loaded = world.journal.load().unwrap();
        let revisions: Vec<_> = loaded.requests.iter().map(|r| r.revision.0).collect();
        assert_eq!(
            revisions,
            [5, 6, 7, 8, 9, 10, 11, 12],
            "the number is eight"
        );
        world.reopen(store);
    }
}

fn old_records_are_compacted_and_the_state_is_not(store: &dyn Store) {
    let mut world = World::new(store.open());
    world.commit(&[77]);
    world.request(78, "long ago");
    world.pass(Duration::from_secs(100));
    for n in 0..400 {
        world.commit(&[n % 4]);
    }
    // Compaction happens behind the commits, or at the latest when the store is closed.
    world.reopen(store);
    for n in 0..400 {
        world.commit(&[n % 4]);
    }
    world.reopen(store);
    let reader = world.journal.reader();
    let oldest = reader.oldest();
    assert!(oldest > Revision(0), "history is bounded");
    let error = reader.read_after(Revision(oldest.0 - 1), 10).unwrap_err();
    assert!(
        matches!(error, StoreError::Compacted { oldest: o } if o == oldest),
        "{error}"
    );
    let kept = reader.read_after(oldest, 1000).unwrap().records;
    assert_eq!(kept, world.records[usize::try_from(oldest.0).unwrap()..]);
    assert!(kept.len() >= 100, "as much is kept as was asked for");
    assert_eq!(pods_of(&world.journal.load().unwrap()), world.pods());
}

fn records_with_answers_outlive_the_history(store: &dyn Store) {
    let mut world = World::new(store.open());
    world.request(1, "needed");
    for n in 0..400 {
        world.commit(&[n % 4]);
    }
    world.reopen(store);
    for n in 0..400 {
        world.commit(&[n % 4]);
    }
    world.reopen(store);
    let loaded = world.journal.load().unwrap();
    assert_eq!(loaded.requests, [(*world.records[0]).clone()]);
}

fn one_journal_at_a_time(store: &dyn Store) {
    let mut first = store.open();
    let error = store.try_open().err().unwrap();
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    first.close().unwrap();
    drop(first);
    store.open();
}

fn a_closed_journal_refuses_and_its_reader_reads(store: &dyn Store) {
    let mut world = World::new(store.open());
    world.commit(&[1, 2]);
    let reader = world.journal.reader();
    world.journal.close().unwrap();
    let late = world.next(&[3]);
    let error = world.journal.commit(&late).unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
    assert_eq!(
        reader.read_after(Revision(0), 10).unwrap().records,
        world.records
    );
}

fn closing_twice_is_fine(store: &dyn Store) {
    let mut world = World::new(store.open());
    world.commit(&[1]);
    world.journal.close().unwrap();
    world.journal.close().unwrap();
    world.reopen(store);
    assert_eq!(pods_of(&world.journal.load().unwrap()), world.pods());
}

fn loading_twice_gives_the_same(store: &dyn Store) {
    let mut world = World::new(store.open());
    world.request(1, "a");
    let (first, second) = (world.journal.load().unwrap(), world.journal.load().unwrap());
    assert_eq!(pods_of(&first), pods_of(&second));
    assert_eq!(first.requests, second.requests);
}

fn a_reader_in_another_thread_sees_no_gap(store: &dyn Store) {
    let mut world = World::new(store.open());
    let reader = world.journal.reader();
    let follower = std::thread::spawn(move || {
        let mut after = Revision(0);
        while after < Revision(90) {
            for record in reader.read_after(after, 16).unwrap().records {
                assert_eq!(record.revision, after.next());
                after = record.revision;
            }
        }
    });
    // Fewer than the history, so that a slow reader is not told `Compacted`.
    for n in 0..45 {
        world.commit(&[n % 4, 7]);
    }
    follower.join().unwrap();
}

#[test]
fn a_power_cut_between_any_two_commits_loses_nothing() {
    for seed in 0..25 {
        let store = OnLog::seeded(seed);
        let mut world = World::new(store.open());
        for n in 0..60 {
            if n % 7 == 3 {
                world.request(n, &format!("request-{n}"));
            } else if n % 11 == 5 {
                world.remove(n - 1);
            } else {
                world.commit(&[n, n + 1]);
            }
            if (n + seed) % 9 == 0 {
                store.power_cut();
                world.journal = store.open();
                let loaded = world.journal.load().unwrap();
                assert_eq!(
                    (loaded.revision, pods_of(&loaded)),
                    (world.revision(), world.pods())
                );
            }
        }
    }
}

#[test]
fn the_time_of_the_newest_record_is_known_after_a_crash() {
    let disk = lifepod_store::disk::MemDisk::new(1);
    let open = || {
        let options = Default::default();
        lifepod_store::journal::DurableJournal::open(disk.mount(), options, Timestamp(1)).unwrap()
    };
    let later = Timestamp::from_secs(1_800_000_000);
    let mut journal = open();
    assert_eq!(journal.newest_time(), Timestamp::EPOCH);
    let record = world::record(1, 1, later);
    journal.commit(&[Arc::new(record)]).unwrap();
    drop(journal);
    disk.power_cut();
    assert_eq!(open().newest_time(), later);
}

#[test]
fn a_record_of_a_later_version_is_told_from_damage() {
    let disk = lifepod_store::disk::MemDisk::new(1);
    let shared = || disk.mount();
    let mut writer = lifepod_store::log::open(shared(), Default::default(), 0)
        .unwrap()
        .writer;
    writer.append(0, &[[9, 1, 2, 3]]).unwrap();
    writer.close().unwrap();
    let opened = lifepod_store::journal::DurableJournal::open(
        shared(),
        Default::default(),
        Default::default(),
    );
    let error = opened.err().unwrap();
    assert!(
        matches!(
            error,
            StoreError::Version {
                found: 9,
                supported: 1
            }
        ),
        "{error}"
    );
}

fn the_past_is_read_as_it_was(store: &dyn Store) {
    let mut world = World::new(store.open());
    for n in 0..400 {
        world.commit(&[n % 7, 7 + n % 5]);
        if n % 50 == 49 {
            world.remove(n % 7);
            world.reopen(store);
        }
    }
    let reader = world.journal.reader();
    let newest = world.records.len();
    let mut known = 0;
    for revision in (0..=newest).step_by(13).chain([newest]) {
        match reader.state_at(Revision(revision as u64)) {
            Ok(pods) => {
                let uids: std::collections::BTreeMap<_, _> = pods
                    .into_iter()
                    .map(|pod| (pod.meta.uid.clone(), pod))
                    .collect();
                assert_eq!(uids, world.pods_at(revision), "revision {revision}");
                known += 1;
            }
            Err(StoreError::Compacted { oldest }) => {
                assert!((revision as u64) < oldest.0, "{revision} {oldest}");
                assert!(oldest.0 <= newest as u64 - world::HISTORY + 60, "{oldest}");
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(known >= 5, "{known} states of the past are known");
}
