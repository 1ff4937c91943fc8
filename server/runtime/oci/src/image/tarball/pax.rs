//! Pax extended headers and GNU long names: values that replace those of the next header.

use std::io;

use super::invalid;

const XATTR_PREFIX: &[u8] = b"SCHILY.xattr.";

#[derive(Default)]
pub(super) struct Overrides {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<u64>,
    pub(super) gid: Option<u64>,
    pub(super) mtime: Option<(i64, u32)>,
    pub(super) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Overrides {
    /// Reads `length key=value\n` records; values may hold any byte.
    pub(super) fn read_pax(&mut self, mut records: &[u8]) -> io::Result<()> {
        while !records.is_empty() {
            let (record, rest) =
                split_record(records).ok_or_else(|| invalid("malformed pax record"))?;
            let equals = record.iter().position(|b| *b == b'=');
            let equals = equals.ok_or_else(|| invalid("pax record without a value"))?;
            self.set(&record[..equals], &record[equals + 1..])?;
            records = rest;
        }
        Ok(())
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        match key {
            // An empty value deletes the record.
            _ if value.is_empty() && !key.starts_with(XATTR_PREFIX) => {}
            b"path" => self.path = Some(no_nul(value)?),
            b"linkpath" => self.link = Some(no_nul(value)?),
            b"size" => self.size = Some(decimal(value)?),
            b"uid" => self.uid = Some(decimal(value)?),
            b"gid" => self.gid = Some(decimal(value)?),
            b"mtime" => self.mtime = Some(time(value)?),
            _ if key.starts_with(b"GNU.sparse.") => {
                return Err(invalid("GNU sparse files are not supported"));
            }
            _ => {
                if let Some(name) = key.strip_prefix(XATTR_PREFIX) {
                    self.xattrs.push((no_nul(name)?, value.to_vec()));
                }
            }
        }
        Ok(())
    }
}

fn split_record(records: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = records.iter().take(20).position(|b| *b == b' ')?;
    let length: usize = std::str::from_utf8(&records[..space]).ok()?.parse().ok()?;
    let record = records.get(space + 1..length)?;
    let record = record.strip_suffix(b"\n")?;
    Some((record, &records[length..]))
}

/// A name with a NUL would mean one thing to us and another to the kernel.
fn no_nul(value: &[u8]) -> io::Result<Vec<u8>> {
    if value.contains(&0) {
        return Err(invalid("NUL byte in a pax name"));
    }
    Ok(value.to_vec())
}

fn decimal(value: &[u8]) -> io::Result<u64> {
    std::str::from_utf8(value)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| invalid("malformed number in a pax record"))
}

/// `[-]seconds[.fraction]`
fn time(value: &[u8]) -> io::Result<(i64, u32)> {
    let malformed = || invalid("malformed time in a pax record");
    let text = std::str::from_utf8(value).map_err(|_| malformed())?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().map_err(|_| malformed())?;
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return Err(malformed());
    }
    let nanos: u32 = format!("{fraction:0<9}")[..9]
        .parse()
        .map_err(|_| malformed())?;
    // Nanoseconds count forward, also before the epoch.
    Ok(match (text.starts_with('-'), nanos) {
        (true, 1..) => (seconds.saturating_sub(1), 1_000_000_000 - nanos),
        _ => (seconds, nanos),
    })
}
