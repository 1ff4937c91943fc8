//! The CRI log format: `<RFC 3339 with nanoseconds> <stream> <F|P> <content>`.
//!
//! `F` ends a line. `P` marks a piece that is continued: a line longer than 16 KiB, or the end of the
//! output without a newline. Joining pieces up to the next `F` and adding a newline per `F` gives back
//! exactly the bytes that the program wrote.

use lifepod_shim::UnixNanos;

/// Longest content of one log line.
pub(crate) const MAX_CONTENT: usize = 16 * 1024;

/// Which output it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

impl Stream {
    fn name(self) -> &'static [u8] {
        match self {
            Self::Stdout => b"stdout",
            Self::Stderr => b"stderr",
        }
    }
}

/// Cuts one stream into log lines.
#[derive(Debug)]
pub(crate) struct Splitter {
    stream: Stream,
    /// The line so far, never longer than [`MAX_CONTENT`].
    partial: Vec<u8>,
}

impl Splitter {
    pub(crate) fn new(stream: Stream) -> Self {
        Self {
            stream,
            partial: Vec::new(),
        }
    }

    /// Takes what the program wrote and appends finished log lines to `out`.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], stamp: &str, out: &mut Vec<u8>) {
        while !bytes.is_empty() {
            let room = MAX_CONTENT - self.partial.len();
            match bytes.iter().position(|byte| *byte == b'\n') {
                Some(end) if end <= room => {
                    self.emit(&bytes[..end], b'F', stamp, out);
                    bytes = &bytes[end + 1..];
                }
                _ if bytes.len() > room => {
                    self.emit(&bytes[..room], b'P', stamp, out);
                    bytes = &bytes[room..];
                }
                _ => {
                    self.partial.extend_from_slice(bytes);
                    return;
                }
            }
        }
    }

    /// The stream has ended.
    pub(crate) fn finish(&mut self, stamp: &str, out: &mut Vec<u8>) {
        if !self.partial.is_empty() {
            self.emit(&[], b'P', stamp, out);
        }
    }

    fn emit(&mut self, rest: &[u8], tag: u8, stamp: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(stamp.as_bytes());
        out.push(b' ');
        out.extend_from_slice(self.stream.name());
        out.extend_from_slice(&[b' ', tag, b' ']);
        out.extend_from_slice(&self.partial);
        out.extend_from_slice(rest);
        out.push(b'\n');
        // Given back, not kept: most programs write whole lines.
        self.partial = Vec::new();
    }
}

/// `2016-10-06T00:17:09.669794202Z`
pub(crate) fn stamp(at: UnixNanos) -> String {
    let seconds = at.seconds();
    let (day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil_date(day);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:09}Z",
        at.subsec_nanos()
    )
}

/// Days since 1970-01-01 as a Gregorian date. Years start in March here, so that leap days are last.
fn civil_date(days: i64) -> (i64, i64, i64) {
    const DAYS_TO_1970: i64 = 719_468;
    let days = days + DAYS_TO_1970;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(pieces: &[&[u8]]) -> Vec<String> {
        let (mut splitter, mut out) = (Splitter::new(Stream::Stdout), Vec::new());
        for piece in pieces {
            splitter.feed(piece, "T", &mut out);
        }
        splitter.finish("T", &mut out);
        String::from_utf8(out)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn lines_come_whole_however_they_were_written() {
        assert_eq!(
            split(&[b"a", b"b\nc", b"\n", b"\n"]),
            ["T stdout F ab", "T stdout F c", "T stdout F "]
        );
    }

    #[test]
    fn an_unfinished_line_is_partial() {
        assert_eq!(split(&[b"a\nb"]), ["T stdout F a", "T stdout P b"]);
    }

    #[test]
    fn long_lines_are_cut_at_the_limit_and_only_there() {
        let long = vec![b'x'; MAX_CONTENT];
        let exact = [long.as_slice(), b"\n"].concat();
        assert_eq!(
            split(&[&exact]),
            [format!("T stdout F {}", "x".repeat(MAX_CONTENT))]
        );
        let over = [long.as_slice(), b"y\n"].concat();
        for cut in [1, MAX_CONTENT - 1, MAX_CONTENT, MAX_CONTENT + 1] {
            let (first, second) = over.split_at(cut);
            let lines = split(&[first, second]);
            assert_eq!(lines[0].len(), "T stdout P ".len() + MAX_CONTENT);
            assert_eq!(lines[1..], ["T stdout F y"]);
        }
    }

    #[test]
    fn stamps_are_rfc_3339() {
        assert_eq!(
            stamp(UnixNanos(1_475_713_029_669_794_202)),
            "2016-10-06T00:17:09.669794202Z"
        );
        assert_eq!(stamp(UnixNanos(0)), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(
            stamp(UnixNanos(951_782_400_000_000_000)),
            "2000-02-29T00:00:00.000000000Z"
        );
        assert_eq!(stamp(UnixNanos(-1)), "1969-12-31T23:59:59.999999999Z");
    }
}
