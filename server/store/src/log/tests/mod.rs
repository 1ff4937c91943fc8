//! Tests of the log on a disk in memory.

mod damage;
mod faults;
mod history;
mod reading;
mod retention;

use super::{Log, LogWriter, Options, Records, open};
use crate::{disk::MemDisk, error::LogError};

/// Options that make every path short.
fn small() -> Options {
    Options {
        segment_bytes: 1024,
        reserve_bytes: 512,
        ..Options::default()
    }
}

fn writer(disk: &MemDisk) -> LogWriter {
    open(disk.mount(), small(), 0).unwrap().writer
}

/// A record that says which it is.
fn record(n: u64) -> Vec<u8> {
    let mut bytes = format!("record {n} ").into_bytes();
    bytes.resize(20 + usize::try_from(n % 60).unwrap(), b'.');
    bytes
}

/// Appends records `from..to` in commits of three.
fn fill(writer: &mut LogWriter, from: u64, to: u64) {
    assert_eq!(writer.next_revision(), from);
    let records: Vec<_> = (from..to).map(record).collect();
    for batch in records.chunks(3) {
        writer
            .append(i64::try_from(writer.next_revision()).unwrap(), batch)
            .unwrap();
    }
}

/// Everything a cursor gives until the end.
fn drain(records: &mut Records) -> Result<Vec<(u64, Vec<u8>)>, LogError> {
    let mut all = Vec::new();
    while let Some(record) = records.next()? {
        all.push((record.revision, record.bytes.to_vec()));
    }
    Ok(all)
}

fn read_all(log: &Log) -> Result<Vec<(u64, Vec<u8>)>, LogError> {
    drain(&mut log.read_from(log.oldest())?)
}

/// What [`fill`] wrote.
fn filled(from: u64, to: u64) -> Vec<(u64, Vec<u8>)> {
    (from..to).map(|n| (n, record(n))).collect()
}

/// Entries of a checkpoint, none of which fails.
fn entries<B>(of: impl IntoIterator<Item = B>) -> impl Iterator<Item = Result<B, LogError>> {
    of.into_iter().map(Ok)
}
