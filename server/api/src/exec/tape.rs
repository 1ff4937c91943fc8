//! A stretch of one output stream, with offsets that count from the stream's beginning.

use std::collections::VecDeque;

use bytes::Bytes;

#[derive(Debug, Default)]
pub(super) struct Tape {
    start: u64,
    data: VecDeque<u8>,
}

impl Tape {
    /// Offset of the byte after the last.
    pub(super) fn end(&self) -> u64 {
        self.start + self.data.len() as u64
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.data.extend(bytes);
    }

    /// Up to `limit` bytes from `offset` on, and where they begin: later than asked when what
    /// was asked for is gone. None at the end.
    pub(super) fn read(&self, offset: u64, limit: usize) -> Option<(u64, Bytes)> {
        let from = offset.max(self.start);
        let skip = usize::try_from(from - self.start).ok()?;
        let rest = self.data.len().checked_sub(skip).filter(|rest| *rest > 0)?;
        let range = skip..skip + rest.min(limit);
        let (front, back) = self.data.as_slices();
        let bytes = if range.end <= front.len() {
            Bytes::copy_from_slice(&front[range])
        } else if range.start >= front.len() {
            Bytes::copy_from_slice(&back[range.start - front.len()..range.end - front.len()])
        } else {
            self.data.range(range).copied().collect()
        };
        Some((from, bytes))
    }

    /// Forgets what lies before `offset`.
    pub(super) fn trim(&mut self, offset: u64) {
        let count = offset.min(self.end()).saturating_sub(self.start);
        self.data.drain(..usize::try_from(count).unwrap_or(0));
        self.start += count;
        if self.data.is_empty() {
            // Most commands write little: do not hold on to the room of a burst.
            self.data.shrink_to(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(tape: &Tape, offset: u64, limit: usize) -> Option<(u64, String)> {
        let (from, bytes) = tape.read(offset, limit)?;
        Some((from, String::from_utf8(bytes.to_vec()).unwrap()))
    }

    #[test]
    fn offsets_count_from_the_beginning_of_the_stream() {
        let mut tape = Tape::default();
        tape.push(b"hello ");
        tape.push(b"world");
        assert_eq!(text(&tape, 0, 5), Some((0, "hello".into())));
        assert_eq!(text(&tape, 5, 100), Some((5, " world".into())));
        assert_eq!(text(&tape, 11, 100), None);
        tape.trim(6);
        assert_eq!(tape.end(), 11);
        assert_eq!(text(&tape, 0, 100), Some((6, "world".into())), "the rest");
        tape.trim(100);
        assert_eq!((tape.end(), text(&tape, 0, 9)), (11, None));
    }

    #[test]
    fn reads_cross_the_seam_of_the_ring() {
        let mut tape = Tape::default();
        for round in 0..200_u64 {
            tape.push(b"abcdefg");
            tape.trim(round * 7);
            let (from, bytes) = text(&tape, round * 7, 64).expect("something is there");
            assert_eq!((from, bytes.as_str()), (round * 7, "abcdefg"));
        }
    }
}
