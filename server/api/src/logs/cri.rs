//! One line of a CRI log file: `<RFC3339Nano> <stdout|stderr> <P|F>[:tags] <content>\n`.

use lifepod_lifecycle::time::Timestamp;
use lifepod_proto::v1::OutputStream;

/// One line, or a part of a long one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub at: Timestamp,
    pub stream: OutputStream,
    /// The line goes on in the next entry of the same stream.
    pub partial: bool,
    pub content: &'a [u8],
}

/// Reads a line without its line feed; none if it is not of the format.
pub(super) fn parse(line: &[u8]) -> Option<Line<'_>> {
    let (time, rest) = word(line)?;
    let (stream, rest) = word(rest)?;
    let (tags, content) = word(rest)?;
    let time: jiff::Timestamp = std::str::from_utf8(time).ok()?.parse().ok()?;
    let stream = match stream {
        b"stdout" => OutputStream::Stdout,
        b"stderr" => OutputStream::Stderr,
        _ => return None,
    };
    let first = tags.split(|byte| *byte == b':').next();
    Some(Line {
        at: Timestamp(i64::try_from(time.as_nanosecond()).ok()?),
        stream,
        partial: first == Some(b"P"),
        content,
    })
}

fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|byte| *byte == b' ')?;
    Some((&text[..at], &text[at + 1..]))
}

/// A time as `kubectl logs --timestamps` prints it: UTC, always nine digits.
pub(super) fn stamp(at: Timestamp) -> String {
    match jiff::Timestamp::from_nanosecond(at.0.into()) {
        Ok(time) => format!("{time:.9}"),
        // Out of the calendar's range, which no clock of this machine reaches.
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_with_time_stream_and_tag() {
        let line = parse(b"2026-11-22T10:38:27.5Z stdout F hello world").unwrap();
        assert_eq!(line.content, b"hello world");
        assert_eq!((line.stream, line.partial), (OutputStream::Stdout, false));
        assert_eq!(stamp(line.at), "2026-11-22T10:38:27.500000000Z");
        let part = parse(b"2026-11-22T11:38:27.000000001+01:00 stderr P:x ").unwrap();
        assert_eq!((part.stream, part.partial), (OutputStream::Stderr, true));
        assert_eq!(part.content, b"");
        assert_eq!(stamp(part.at), "2026-11-22T10:38:27.000000001Z");
    }

    #[test]
    fn other_texts_are_no_lines() {
        for text in [
            &b""[..],
            b"2026-11-22T10:38:27Z stdout",
            b"yesterday stdout F x",
            b"2026-11-22T10:38:27Z stdin F x",
        ] {
            assert_eq!(parse(text), None);
        }
    }
}
