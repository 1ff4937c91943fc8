//! The first 64 bytes of every file of a store.
//!
//! ```text
//!  0 magic  8 bytes     16 epoch 16 bytes   40 revision u64    56 created at i64, ns
//!  8 format u32         32 salt  u64        48 previous u64
//! 12 crc32c u32, over all others
//! ```
//! All numbers are little-endian. These 64 bytes are the same in every format; the number says how
//! to read what follows, so that a later version is told from damage. The salt is random and goes into each frame's checksum, so
//! that neither blocks of older files nor bytes chosen by a client can pass for a frame.

use uuid::Uuid;

use super::Timestamp;
use crate::{
    disk::DiskFile,
    error::{IoContext as _, LogError},
};

/// Newest on-disk format this version reads, and the one it writes.
pub const FORMAT: u32 = 1;

/// Bytes of a header.
pub(crate) const HEADER: usize = 64;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Store,
    Segment,
    Checkpoint,
}

impl Kind {
    const fn magic(self) -> &'static [u8; 8] {
        match self {
            Self::Store => b"LPSTORE\n",
            Self::Segment => b"LPSEGMT\n",
            Self::Checkpoint => b"LPCHECK\n",
        }
    }
}

/// The header of a file.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    /// Identity of the store.
    pub(crate) epoch: Uuid,
    /// Goes into the checksum of each frame of this file.
    pub(crate) salt: u64,
    /// Segment: first revision it may hold. Checkpoint: last revision it contains.
    pub(crate) revision: u64,
    /// Segment: first revision of the segment before it, zero for the first one ever.
    pub(crate) previous: u64,
    pub(crate) created_at: Timestamp,
}

impl Header {
    /// A header with a new salt.
    pub(crate) fn new(kind: Kind, epoch: Uuid, revision: u64, created_at: Timestamp) -> Self {
        let salt = Uuid::new_v4().as_u64_pair().1;
        Self {
            kind,
            epoch,
            salt,
            revision,
            previous: 0,
            created_at,
        }
    }

    pub(crate) fn encode(&self) -> [u8; HEADER] {
        let mut out = [0; HEADER];
        out[..8].copy_from_slice(self.kind.magic());
        out[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        out[16..32].copy_from_slice(self.epoch.as_bytes());
        out[32..40].copy_from_slice(&self.salt.to_le_bytes());
        out[40..48].copy_from_slice(&self.revision.to_le_bytes());
        out[48..56].copy_from_slice(&self.previous.to_le_bytes());
        out[56..].copy_from_slice(&self.created_at.to_le_bytes());
        let crc = crc32c::crc32c(&out);
        out[12..16].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads and checks the header of a file.
    pub(crate) fn read(kind: Kind, file: &dyn DiskFile, path: &str) -> Result<Self, LogError> {
        let mut bytes = [0; HEADER];
        let read = file.read_at(&mut bytes, 0).context("read", path)?;
        let damaged = |what| LogError::Corrupt {
            file: path.to_owned(),
            offset: 0,
            revision: 0,
            what,
        };
        if read < HEADER || bytes[..8] != *kind.magic() {
            return Err(damaged("no header"));
        }
        let crc = u32::from_le_bytes(array(&bytes[12..16]));
        bytes[12..16].fill(0);
        if crc != crc32c::crc32c(&bytes) {
            return Err(damaged("header checksum differs"));
        }
        let found = u32::from_le_bytes(array(&bytes[8..12]));
        if found > FORMAT {
            return Err(LogError::Version {
                file: path.to_owned(),
                found,
                supported: FORMAT,
            });
        }
        Ok(Self {
            kind,
            epoch: Uuid::from_bytes(array(&bytes[16..32])),
            salt: u64::from_le_bytes(array(&bytes[32..40])),
            revision: u64::from_le_bytes(array(&bytes[40..48])),
            previous: u64::from_le_bytes(array(&bytes[48..56])),
            created_at: i64::from_le_bytes(array(&bytes[56..64])),
        })
    }
}

/// The bytes of a slice whose length is known.
pub(crate) fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("callers slice exactly N bytes")
}
