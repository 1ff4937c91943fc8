//! The 512-byte tar header block.

use std::io;

use super::pax::Overrides;
use super::{BLOCK, Entry, invalid};

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Kind {
    #[default]
    File,
    HardLink,
    Symlink,
    CharDevice,
    BlockDevice,
    Directory,
    Fifo,
}

pub(super) struct Header {
    pub(super) typeflag: u8,
    pub(super) size: u64,
    path: Vec<u8>,
    link: Vec<u8>,
    mode: u32,
    uid: u64,
    gid: u64,
    mtime: i64,
    device: (u32, u32),
}

impl Header {
    pub(super) fn parse(block: &[u8; BLOCK]) -> io::Result<Self> {
        check_sum(block)?;
        let magic = &block[257..265];
        let posix = magic.starts_with(b"ustar\0");
        let is_device = matches!(block[156], b'3' | b'4');
        // GNU tar reuses the prefix field for other things.
        let prefix = if posix { text(&block[345..500]) } else { &[] };
        let name = text(&block[0..100]);
        let path = match prefix {
            [] => name.to_vec(),
            prefix => [prefix, b"/", name].concat(),
        };
        let device = if is_device {
            (small(&block[329..337])?, small(&block[337..345])?)
        } else {
            (0, 0)
        };
        Ok(Self {
            typeflag: block[156],
            size: positive(&block[124..136])?,
            path,
            link: text(&block[157..257]).to_vec(),
            mode: small(&block[100..108])?,
            uid: positive(&block[108..116])?,
            gid: positive(&block[116..124])?,
            mtime: number(&block[136..148])?,
            device,
        })
    }

    pub(super) fn entry(self, overrides: Overrides) -> io::Result<Entry> {
        let path = overrides.path.unwrap_or(self.path);
        let kind = kind(self.typeflag, &path)?;
        let size = match kind {
            Kind::File => overrides.size.unwrap_or(self.size),
            // All others are header only, as in Go, whatever their size field says.
            _ => 0,
        };
        Ok(Entry {
            path,
            link: overrides.link.unwrap_or(self.link),
            kind,
            mode: self.mode & 0o7777,
            uid: id(overrides.uid.unwrap_or(self.uid))?,
            gid: id(overrides.gid.unwrap_or(self.gid))?,
            mtime: overrides.mtime.unwrap_or((self.mtime, 0)),
            size,
            device: self.device,
            xattrs: overrides.xattrs,
        })
    }
}

fn kind(typeflag: u8, path: &[u8]) -> io::Result<Kind> {
    Ok(match typeflag {
        // Before POSIX a directory was a file with a slash at its end.
        0 | b'0' if path.ends_with(b"/") => Kind::Directory,
        0 | b'0' | b'7' => Kind::File,
        b'1' => Kind::HardLink,
        b'2' => Kind::Symlink,
        b'3' => Kind::CharDevice,
        b'4' => Kind::BlockDevice,
        b'5' => Kind::Directory,
        b'6' => Kind::Fifo,
        b'S' => return Err(invalid("GNU sparse files are not supported")),
        other => return Err(invalid(format!("unknown entry type 0x{other:02x}"))),
    })
}

/// The sum of all bytes with the checksum field as spaces; historic tars summed signed bytes.
fn check_sum(block: &[u8; BLOCK]) -> io::Result<()> {
    let stored = number(&block[148..156])?;
    let counted = || {
        let field = 148..156;
        block
            .iter()
            .enumerate()
            .map(move |(i, b)| if field.contains(&i) { b' ' } else { *b })
    };
    let unsigned: i64 = counted().map(i64::from).sum();
    let signed: i64 = counted().map(|b| i64::from(b.cast_signed())).sum();
    if stored == unsigned || stored == signed {
        Ok(())
    } else {
        Err(invalid("header checksum mismatch"))
    }
}

fn text(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|b| *b == 0).unwrap_or(field.len());
    &field[..end]
}

/// Octal text, or GNU's base-256 when the top bit is set.
fn number(field: &[u8]) -> io::Result<i64> {
    let too_large = || invalid("number too large in header");
    if field[0] & 0x80 != 0 {
        // The flag takes the top bit, so the sign sits in the next one.
        let mut value = i64::from((field[0] << 1).cast_signed() >> 1);
        for byte in &field[1..] {
            value = value.checked_mul(256).ok_or_else(too_large)? + i64::from(*byte);
        }
        return Ok(value);
    }
    let digits = text(field).trim_ascii();
    let mut value: i64 = 0;
    for digit in digits {
        if !(b'0'..=b'7').contains(digit) {
            return Err(invalid("malformed number in header"));
        }
        value = value.checked_mul(8).ok_or_else(too_large)? + i64::from(digit - b'0');
    }
    Ok(value)
}

fn positive(field: &[u8]) -> io::Result<u64> {
    u64::try_from(number(field)?).map_err(|_| invalid("negative number in header"))
}

fn small(field: &[u8]) -> io::Result<u32> {
    u32::try_from(number(field)?).map_err(|_| invalid("number out of range in header"))
}

fn id(value: u64) -> io::Result<u32> {
    // The last value means "leave as it is" to chown.
    match u32::try_from(value) {
        Ok(id) if id != u32::MAX => Ok(id),
        _ => Err(invalid(format!("user or group id {value} out of range"))),
    }
}
