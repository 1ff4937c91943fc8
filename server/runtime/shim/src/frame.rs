//! Length-prefixed frames: four bytes little endian, then that many bytes of JSON.

use serde::Serialize;
use thiserror::Error;

/// Longest frame either side accepts. The largest honest one is a command line with its environment.
pub const MAX_FRAME: usize = 1 << 20;

const PREFIX: usize = 4;

/// Why a frame cannot be read or made.
#[derive(Debug, Error)]
pub enum FrameError {
    /// Longer than [`MAX_FRAME`].
    #[error("frame of {len} bytes is longer than {MAX_FRAME}")]
    TooLong {
        /// Announced or encoded length.
        len: usize,
    },
    /// Not JSON of the expected shape.
    #[error("frame cannot be encoded or decoded")]
    Json(#[from] serde_json::Error),
}

/// Encodes one message with its length.
///
/// # Errors
/// [`FrameError`] if it is too long.
pub fn encode(message: &impl Serialize) -> Result<Vec<u8>, FrameError> {
    let mut frame = vec![0; PREFIX];
    serde_json::to_writer(&mut frame, message)?;
    let len = frame.len() - PREFIX;
    if len > MAX_FRAME {
        return Err(FrameError::TooLong { len });
    }
    // The bound above makes the length fit.
    frame[..PREFIX].copy_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes());
    Ok(frame)
}

/// Bytes received so far, cut into frames.
#[derive(Debug, Default)]
pub struct FrameBuffer {
    bytes: Vec<u8>,
    taken: usize,
}

impl FrameBuffer {
    /// Adds received bytes.
    pub fn extend(&mut self, bytes: &[u8]) {
        if self.taken == self.bytes.len() {
            // An idle connection keeps no memory.
            self.bytes = Vec::new();
        } else {
            self.bytes.drain(..self.taken);
        }
        self.taken = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole frame's payload, if there is one.
    ///
    /// # Errors
    /// [`FrameError::TooLong`]; the connection is then beyond repair.
    pub fn next_frame(&mut self) -> Result<Option<&[u8]>, FrameError> {
        let rest = &self.bytes[self.taken..];
        let Some((prefix, payload)) = rest.split_first_chunk::<PREFIX>() else {
            return Ok(None);
        };
        let len = u32::from_le_bytes(*prefix) as usize;
        if len > MAX_FRAME {
            return Err(FrameError::TooLong { len });
        }
        if payload.len() < len {
            return Ok(None);
        }
        let start = self.taken + PREFIX;
        self.taken = start + len;
        Ok(Some(&self.bytes[start..self.taken]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_any_split() {
        let mut stream = encode(&"one").unwrap();
        stream.extend(encode(&"two").unwrap());
        let mut buffer = FrameBuffer::default();
        let mut seen = Vec::new();
        for byte in stream {
            buffer.extend(&[byte]);
            while let Some(frame) = buffer.next_frame().unwrap() {
                seen.push(String::from_utf8(frame.to_vec()).unwrap());
            }
        }
        assert_eq!(seen, ["\"one\"", "\"two\""]);
        buffer.extend(&[]);
        assert_eq!(buffer.bytes.capacity(), 0);
    }

    #[test]
    fn a_peer_that_never_pauses_between_frames_costs_no_more_memory() {
        let frame = encode(&"x".repeat(100)).unwrap();
        let (head, tail) = frame.split_at(50);
        let mut buffer = FrameBuffer::default();
        buffer.extend(head);
        for _ in 0..1000 {
            buffer.extend(&[tail, head].concat());
            assert!(buffer.next_frame().unwrap().is_some());
        }
        assert!(buffer.bytes.len() < 300);
    }

    #[test]
    fn a_hostile_length_is_refused_before_anything_is_allocated() {
        let mut buffer = FrameBuffer::default();
        buffer.extend(&u32::MAX.to_le_bytes());
        assert!(matches!(
            buffer.next_frame(),
            Err(FrameError::TooLong { .. })
        ));
    }

    #[test]
    fn a_message_over_the_limit_is_not_encoded() {
        let long = "x".repeat(MAX_FRAME);
        assert!(matches!(encode(&long), Err(FrameError::TooLong { .. })));
    }
}
