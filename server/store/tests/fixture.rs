//! A store written by format 1, kept so that every later version proves it can open it.
//!
//! `LIFEPOD_STORE_WRITE_FIXTURE=1 cargo test -p lifepod-store --test fixture` writes the one of the
//! present format; the ones of older formats are never written again.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::{fs, path::PathBuf, sync::Arc};

use lifepod_store::{
    LogError,
    disk::RealDisk,
    log::{FORMAT, Options, Tail, open, survey},
};

fn fixture(format: u32) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/format-{format}"))
}

fn record(revision: u64) -> Vec<u8> {
    format!("record {revision} ").repeat(4).into_bytes()
}

fn options() -> Options {
    Options {
        segment_bytes: 2048,
        ..Options::default()
    }
}

fn write() {
    let dir = fixture(FORMAT);
    let mut writer = open(Arc::new(RealDisk::new(&dir).unwrap()), options(), 1)
        .unwrap()
        .writer;
    for first in (1..=60).step_by(3) {
        let batch: Vec<_> = (first..first + 3).map(record).collect();
        writer
            .append(
                1_800_000_000_000_000_000 + i64::try_from(first).unwrap(),
                &batch,
            )
            .unwrap();
    }
    let entries = ["a pod", "another pod"].map(Ok::<_, LogError>);
    writer.log().write_checkpoint(40, 2, entries).unwrap();
    writer.close().unwrap();
    fs::remove_file(dir.join("LOCK")).unwrap();
}

#[test]
fn a_store_of_every_format_opens() {
    if std::env::var_os("LIFEPOD_STORE_WRITE_FIXTURE").is_some() {
        write();
    }
    for format in 1..=FORMAT {
        let dir = tempfile::tempdir().unwrap();
        for sub in ["journal", "checkpoint", ""] {
            fs::create_dir_all(dir.path().join(sub)).unwrap();
            for file in fs::read_dir(fixture(format).join(sub))
                .unwrap()
                .map(Result::unwrap)
            {
                if file.file_type().unwrap().is_file() {
                    fs::copy(file.path(), dir.path().join(sub).join(file.file_name())).unwrap();
                }
            }
        }
        let found = survey(&RealDisk::existing(dir.path()), |_| Ok::<_, LogError>(())).unwrap();
        assert!(found.damage.is_empty(), "{:?}", found.damage);
        assert!(
            found
                .segments
                .iter()
                .all(|segment| segment.tail == Tail::Clean)
        );

        let disk = Arc::new(RealDisk::new(dir.path()).unwrap());
        let mut opened = open(disk, options(), 0).unwrap();
        let checkpoint = opened.checkpoint.as_mut().unwrap();
        assert_eq!((checkpoint.revision(), checkpoint.created_at()), (40, 2));
        assert_eq!(checkpoint.next().unwrap(), Some(&b"a pod"[..]));
        assert_eq!(checkpoint.next().unwrap(), Some(&b"another pod"[..]));
        assert_eq!(checkpoint.next().unwrap(), None);

        assert_eq!(opened.writer.append(3, &[record(61)]).unwrap(), 61);
        let mut records = opened.writer.log().read_from(1).unwrap();
        while let Some(found) = records.next().unwrap() {
            assert_eq!(found.bytes, record(found.revision));
        }
        assert_eq!(records.next_revision(), 62);
    }
}
