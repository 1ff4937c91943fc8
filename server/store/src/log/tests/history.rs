//! Seeded random lives of a store: commits, checkpoints, compaction, faults, kills and power
//! cuts at any operation. After each reopening every acknowledged record is there, in order and
//! once, and at most one commit that was never acknowledged, whole.

use std::fmt::Write as _;

use rustix::io::Errno;

use super::*;
use crate::{
    disk::{Op, Rng},
    log::{Checkpoint, Opened, Retention},
};

struct World {
    disk: MemDisk,
    rng: Rng,
    options: Options,
    writer: Option<LogWriter>,
    follower: Option<Records>,
    /// By revision - 1.
    acknowledged: Vec<Vec<u8>>,
    /// Commits that failed since the last one that did not.
    refused: Vec<Vec<Vec<u8>>>,
    now: i64,
    story: String,
    crashes: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = Rng(seed);
        let options = Options {
            segment_bytes: 256 + rng.below(6000),
            reserve_bytes: rng.pick(&[0, 512, 1000, 4096]),
            ..Options::default()
        };
        Self {
            disk: MemDisk::new(rng.bits()),
            rng,
            options,
            writer: None,
            follower: None,
            acknowledged: Vec::new(),
            refused: Vec::new(),
            now: 0,
            story: String::new(),
            crashes: 0,
        }
    }

    fn say(&mut self, what: &str) {
        write!(self.story, "{what}; ").unwrap();
    }

    fn step(&mut self) {
        self.now += 1_000_000_000;
        let Some(mut writer) = self.writer.take() else {
            return self.open();
        };
        match self.rng.below(40) {
            0 => {
                self.say("close");
                let _ = writer.close();
                return;
            }
            1 => {
                self.say("drop");
                return;
            }
            2 => return self.crash(),
            3..=5 => self.checkpoint(&writer),
            6 | 7 => self.compact(&writer),
            8..=10 => self.break_something(),
            11 => {
                let after = self.rng.below(12);
                self.say(&format!("power off after {after}"));
                self.disk.faults().power_off_after(after);
            }
            12..=14 => self.heal(&mut writer),
            15..=18 => self.follow(writer.log()),
            _ => {
                self.append(&mut writer);
            }
        }
        self.writer = Some(writer);
    }

    fn append(&mut self, writer: &mut LogWriter) -> bool {
        let count = 1 + self.rng.below(6);
        let mut batch = Vec::new();
        for _ in 0..count {
            let most = self.rng.pick(&[16, 200, 1500]);
            let size = self.rng.below(most);
            let byte = self.rng.bits().to_le_bytes()[0];
            batch.push(vec![byte; usize::try_from(size).unwrap()]);
        }
        match writer.append(self.now, &batch) {
            Ok(revision) => {
                self.say(&format!("append {count}"));
                self.acknowledged.extend(batch);
                self.refused.clear();
                assert_eq!(revision, self.acknowledged.len() as u64);
                true
            }
            Err(error) => {
                assert!(error.is_transient(), "{error}");
                self.say(&format!("append {count} refused"));
                assert_eq!(writer.log().newest(), self.acknowledged.len() as u64);
                self.refused.push(batch);
                false
            }
        }
    }

    /// The state after a revision, as a checkpoint has it.
    fn state(&self, revision: u64) -> Vec<Vec<u8>> {
        let mut crc = 0;
        let kept = &self.acknowledged[..usize::try_from(revision).unwrap()];
        kept.iter()
            .for_each(|record| crc = crc32c::crc32c_append(crc, record));
        vec![
            revision.to_string().into_bytes(),
            vec![1; 300],
            crc.to_string().into_bytes(),
        ]
    }

    fn checkpoint(&mut self, writer: &LogWriter) {
        let newest = self.acknowledged.len() as u64;
        let revision = newest.saturating_sub(self.rng.below(10));
        self.say(&format!("checkpoint {revision}"));
        let before = writer.log().checkpointed();
        let result =
            writer
                .log()
                .write_checkpoint(revision, self.now, entries(self.state(revision)));
        assert!(result.is_ok() || writer.log().checkpointed() <= revision.max(before));
    }

    fn compact(&mut self, writer: &LogWriter) {
        self.say("compact");
        let retention = Retention {
            revisions: Some(self.rng.below(40)),
            ..Default::default()
        };
        let _ = writer.log().compact(&retention, self.now);
    }

    fn break_something(&mut self) {
        let op = self.rng.pick(&Op::CHANGES);
        let error = self.rng.pick(&[Errno::NOSPC, Errno::IO, Errno::ROFS]);
        let times = 1 + self.rng.below(5);
        self.say(&format!("{op:?} fails {times}"));
        self.disk.faults().fail(&[op], error, times);
    }

    fn heal(&mut self, writer: &mut LogWriter) {
        self.disk.faults().heal();
        assert!(self.append(writer), "a healthy disk takes a commit");
    }

    fn follow(&mut self, log: &Log) {
        let mut follower = match self.follower.take() {
            Some(follower) => follower,
            None => log.read_from(log.oldest()).unwrap(),
        };
        loop {
            let at = usize::try_from(follower.next_revision()).unwrap() - 1;
            match follower.next() {
                Ok(Some(record)) => assert_eq!(record.bytes, self.acknowledged[at]),
                Ok(None) => {
                    assert_eq!(at, self.acknowledged.len());
                    self.follower = Some(follower);
                    return;
                }
                Err(LogError::Compacted { .. }) => return,
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn crash(&mut self) {
        self.crashes += 1;
        self.writer = None;
        self.follower = None;
        if self.rng.one_in(3) {
            self.say("kill");
            self.disk.kill();
        } else {
            self.say("power cut");
            self.disk.power_cut();
        }
        if self.rng.one_in(3) {
            let after = self.rng.below(15);
            self.say(&format!("power off after {after}"));
            self.disk.faults().power_off_after(after);
        }
    }

    fn open(&mut self) {
        self.follower = None;
        match open(self.disk.mount(), self.options.clone(), self.now) {
            Ok(opened) => self.check(opened),
            Err(error) => {
                assert!(error.is_transient(), "{error}");
                self.crash();
            }
        }
    }

    fn check(&mut self, mut opened: Opened) {
        self.say("open");
        let log = opened.writer.log().clone();
        let checkpointed = opened.checkpoint.as_ref().map_or(0, Checkpoint::revision);
        assert!(log.oldest() <= checkpointed + 1, "the state can be rebuilt");
        let found = read_all(&log).unwrap();
        let oldest = usize::try_from(log.oldest()).unwrap();
        let mut expected = self.acknowledged.clone();
        let more = usize::try_from(log.newest()).unwrap() - expected.len();
        if more > 0 {
            let extra: Vec<_> = found[found.len() - more..]
                .iter()
                .map(|(_, bytes)| bytes.clone())
                .collect();
            assert!(
                self.refused.contains(&extra),
                "what nobody acknowledged appears whole"
            );
            expected.extend(extra);
        }
        self.acknowledged = expected;
        self.refused.clear();
        let found: Vec<_> = found.into_iter().map(|(_, bytes)| bytes).collect();
        assert_eq!(found, self.acknowledged[oldest - 1..]);
        assert!(opened.recovery.bad_checkpoints.is_empty());
        if let Some(checkpoint) = &mut opened.checkpoint {
            for entry in self.state(checkpointed) {
                assert_eq!(checkpoint.next().unwrap(), Some(&entry[..]));
            }
            assert_eq!(checkpoint.next().unwrap(), None);
        }
        self.writer = Some(opened.writer);
    }
}

/// Prints seed and story if the life ends badly.
struct Witness<'a>(u64, &'a mut World);

impl Drop for Witness<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {}: {}", self.0, self.1.story);
        }
    }
}

fn live(seed: u64, steps: u64) -> (u64, u64) {
    let mut world = World::new(seed);
    let witness = Witness(seed, &mut world);
    for _ in 0..steps {
        witness.1.step();
    }
    // Whatever happened: with a healthy disk everything is there in the end.
    witness.1.crash();
    witness.1.disk.faults().heal();
    witness.1.open();
    assert!(witness.1.writer.is_some());
    let done = (witness.1.acknowledged.len() as u64, witness.1.crashes);
    drop(witness);
    done
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_invented() {
    let lives = std::env::var("LIFEPOD_STORE_LIVES").map_or(3000, |n| n.parse().unwrap());
    let (mut records, mut crashes) = (0, 0);
    for seed in 0..lives {
        let (r, c) = live(seed, 120);
        records += r;
        crashes += c;
    }
    println!("{lives} lives, {records} records, {crashes} crashes, nothing lost, nothing invented");
    assert!(crashes > lives, "the test must crash often: {crashes}");
}

/// One short life with the power going off after each single operation, torn in many ways.
#[test]
fn a_power_cut_at_every_single_operation_is_survived() {
    for after in 0..80 {
        for seed in 0..30 {
            let mut world = World::new(seed);
            world.options = small();
            world.disk.faults().power_off_after(after);
            let witness = Witness(seed, &mut world);
            let world = &mut *witness.1;
            world.open();
            for round in 0..12 {
                let Some(mut writer) = world.writer.take() else {
                    break;
                };
                if !world.append(&mut writer) {
                    break;
                }
                if round % 4 == 3 {
                    world.checkpoint(&writer);
                    world.compact(&writer);
                }
                world.writer = Some(writer);
            }
            world.writer = None;
            world.disk.power_cut();
            world.open();
        }
    }
}
