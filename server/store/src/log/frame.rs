//! A commit frame: the unit that is durable whole or not at all.
//!
//! ```text
//!  0 magic  u32    8 length of payload u32   16 first revision u64   32 payload: records,
//!  4 crc32c u32   12 number of records u32   24 committed at i64, ns    each length u32 + bytes
//! ```
//! The checksum covers the file's salt and everything from byte 8 on. A frame without records
//! marks an end: of a segment closed in order, or of a checkpoint.

use super::{Timestamp, header::array};

/// Bytes before the payload.
pub(crate) const FRAME_HEAD: usize = 32;

/// Largest payload: a bound for what a reader must hold in memory.
pub const MAX_COMMIT: usize = 64 << 20;

/// First bytes of a frame.
pub(crate) const MAGIC: [u8; 4] = [0xf5, b'L', b'P', 0x01];

/// What a frame says about itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameHead {
    crc: u32,
    pub(crate) length: usize,
    pub(crate) count: u32,
    pub(crate) first: u64,
    pub(crate) at: Timestamp,
}

impl FrameHead {
    /// Reads the head, `None` if the bytes do not start with one.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes[..4] != MAGIC {
            return None;
        }
        Some(Self {
            crc: u32::from_le_bytes(array(&bytes[4..8])),
            length: u32::from_le_bytes(array(&bytes[8..12])) as usize,
            count: u32::from_le_bytes(array(&bytes[12..16])),
            first: u64::from_le_bytes(array(&bytes[16..24])),
            at: i64::from_le_bytes(array(&bytes[24..32])),
        })
    }

    /// Whether the whole frame is what was written.
    pub(crate) fn matches(&self, salt: u64, frame: &[u8]) -> bool {
        self.crc == checksum(salt, frame)
    }

    /// First revision after this frame.
    pub(crate) fn next(&self) -> u64 {
        self.first + u64::from(self.count)
    }
}

/// Builds frames in a buffer that is used again and again.
#[derive(Debug, Default)]
pub(crate) struct FrameBuilder {
    bytes: Vec<u8>,
    count: u32,
}

impl FrameBuilder {
    /// Forgets the frame built before.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.resize(FRAME_HEAD, 0);
        self.count = 0;
    }

    /// Adds a record.
    pub(crate) fn push(&mut self, record: &[u8]) {
        let length = u32::try_from(record.len()).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(record);
        self.count += 1;
    }

    /// Bytes of the frame as it is now.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Completes the head. The builder may go on to be sealed again with another salt.
    pub(crate) fn seal(&mut self, salt: u64, first: u64, at: Timestamp) -> &[u8] {
        let length = u32::try_from(self.bytes.len() - FRAME_HEAD).unwrap_or(u32::MAX);
        let head = &mut self.bytes[..FRAME_HEAD];
        head[..4].copy_from_slice(&MAGIC);
        head[8..12].copy_from_slice(&length.to_le_bytes());
        head[12..16].copy_from_slice(&self.count.to_le_bytes());
        head[16..24].copy_from_slice(&first.to_le_bytes());
        head[24..32].copy_from_slice(&at.to_le_bytes());
        let crc = checksum(salt, &self.bytes);
        self.bytes[4..8].copy_from_slice(&crc.to_le_bytes());
        &self.bytes
    }

    /// Returns memory that an unusually large frame took.
    pub(crate) fn shrink(&mut self) {
        const USUAL: usize = 1 << 20;
        self.bytes.clear();
        self.bytes.shrink_to(USUAL);
    }
}

fn checksum(salt: u64, frame: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&salt.to_le_bytes()), &frame[8..])
}

/// The record that starts at `at` in a payload, and where the next one starts.
pub(crate) fn record_at(payload: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let from = at.checked_add(4)?;
    let length = u32::from_le_bytes(array(payload.get(at..from)?)) as usize;
    let end = from.checked_add(length)?;
    Some((payload.get(from..end)?, end))
}
