//! Reads the frames of one file in order, with one bounded buffer.

use std::{io, ops::Range, sync::Arc};

use super::frame::{FRAME_HEAD, FrameHead, MAGIC, MAX_COMMIT};
use crate::disk::DiskFile;

/// Bytes asked from the disk at once.
const READ: usize = 64 << 10;

/// What comes next in the file.
#[derive(Debug)]
pub(crate) enum Step {
    /// A frame whose checksum holds; see [`FrameReader::payload`].
    Frame(FrameHead),
    /// Zeros: reserved space that was never written.
    Blank,
    /// The end of what may be read.
    End,
    /// Something that is not a frame, and why.
    Bad(&'static str),
}

/// A cursor over the frames of a file.
#[derive(Debug)]
pub(crate) struct FrameReader {
    file: Arc<dyn DiskFile>,
    salt: u64,
    /// Where the next frame starts.
    at: u64,
    limit: u64,
    buf: Vec<u8>,
    /// File offset of `buf[0]`.
    base: u64,
    filled: usize,
    payload: Range<usize>,
}

impl FrameReader {
    pub(crate) fn new(file: Arc<dyn DiskFile>, salt: u64, at: u64, limit: u64) -> Self {
        Self {
            file,
            salt,
            at,
            limit,
            buf: Vec::new(),
            base: at,
            filled: 0,
            payload: 0..0,
        }
    }

    /// Where the next frame starts.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// Allows to read up to there.
    pub(crate) fn set_limit(&mut self, limit: u64) {
        self.limit = limit;
    }

    /// Payload of the frame found last.
    pub(crate) fn payload(&self) -> &[u8] {
        &self.buf[self.payload.clone()]
    }

    /// Gives the buffer back; for a reader that may wait long.
    pub(crate) fn release(&mut self) {
        self.buf = Vec::new();
        self.payload = 0..0;
        self.base = self.at;
        self.filled = 0;
    }

    /// Goes over the next frame.
    pub(crate) fn step(&mut self) -> io::Result<Step> {
        let left = self.limit.saturating_sub(self.at);
        if left == 0 {
            return Ok(Step::End);
        }
        if left < FRAME_HEAD as u64 {
            return self.remainder(left);
        }
        if !self.fill(FRAME_HEAD)? {
            return Ok(Step::Bad("file ends early"));
        }
        let Some(head) = FrameHead::decode(self.bytes(FRAME_HEAD)) else {
            let blank = self.bytes(FRAME_HEAD).iter().all(|byte| *byte == 0);
            return Ok(if blank {
                Step::Blank
            } else {
                Step::Bad("no frame where one is due")
            });
        };
        let size = FRAME_HEAD + head.length;
        if head.length > MAX_COMMIT || size as u64 > left {
            return Ok(Step::Bad("frame is longer than the file"));
        }
        if !self.fill(size)? {
            return Ok(Step::Bad("file ends early"));
        }
        if !head.matches(self.salt, self.bytes(size)) {
            return Ok(Step::Bad("frame checksum differs"));
        }
        let start = self.start();
        self.payload = start + FRAME_HEAD..start + size;
        self.at += size as u64;
        Ok(Step::Frame(head))
    }

    /// Looks for the next frame that holds, at any offset, and stops before it. Used after a bad
    /// one, to tell a torn end from damage in the middle. Reads the rest of the file into memory.
    pub(crate) fn resync(&mut self) -> io::Result<bool> {
        let from = self.at + 1;
        let size = usize::try_from(self.limit.saturating_sub(from)).unwrap_or(usize::MAX);
        let mut rest = vec![0; size];
        let read = self.file.read_at(&mut rest, from)?;
        rest.truncate(read);
        for at in 0..rest.len().saturating_sub(FRAME_HEAD - 1) {
            if !rest[at..].starts_with(&MAGIC) {
                continue;
            }
            let Some(head) = FrameHead::decode(&rest[at..]) else {
                continue;
            };
            let Some(frame) = rest.get(at..at + FRAME_HEAD + head.length) else {
                continue;
            };
            if head.matches(self.salt, frame) {
                self.at = from + at as u64;
                self.release();
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn remainder(&mut self, left: u64) -> io::Result<Step> {
        let left = usize::try_from(left).unwrap_or(FRAME_HEAD);
        let zeros = self.fill(left)? && self.bytes(left).iter().all(|byte| *byte == 0);
        Ok(if zeros {
            Step::Blank
        } else {
            Step::Bad("file ends within a frame")
        })
    }

    fn start(&self) -> usize {
        usize::try_from(self.at - self.base).expect("the buffer starts before the frame")
    }

    fn bytes(&self, size: usize) -> &[u8] {
        let start = self.start();
        &self.buf[start..start + size]
    }

    /// Makes `want` bytes from `at` on available; false if the file is shorter.
    fn fill(&mut self, want: usize) -> io::Result<bool> {
        let start = self.start();
        if self.filled - start >= want {
            return Ok(true);
        }
        self.buf.copy_within(start..self.filled, 0);
        self.filled -= start;
        self.base = self.at;
        let left = usize::try_from(self.limit - self.at).unwrap_or(usize::MAX);
        let target = want.max(READ).min(left);
        if self.buf.len() < target {
            self.buf.resize(target, 0);
        }
        let free = &mut self.buf[self.filled..target];
        self.filled += self.file.read_at(free, self.base + self.filled as u64)?;
        Ok(self.filled >= want)
    }
}
