//! From lines of the file to entries of the answer.

use bytes::{BufMut, Bytes, BytesMut};
use lifepod_lifecycle::time::Timestamp;
use lifepod_proto::v1::{LogEntry, OutputStream};

use super::cri::{Line, stamp};
use crate::convert::time::exact;

/// What of a log is wanted.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    pub since: Option<Timestamp>,
    /// Unspecified means both.
    pub stream: OutputStream,
    pub timestamps: bool,
    /// Bytes of data, altogether.
    pub limit: Option<usize>,
}

/// Applies a filter to lines that come in order.
#[derive(Debug)]
pub(super) struct Sieve {
    filter: Filter,
    left: usize,
    /// Whether the last entry of each stream left its line open.
    open: [bool; 2],
}

impl Sieve {
    pub(super) fn new(filter: Filter) -> Self {
        Self {
            left: filter.limit.unwrap_or(usize::MAX),
            filter,
            open: [false; 2],
        }
    }

    /// The limit is used up: nothing more is wanted.
    pub(super) const fn is_full(&self) -> bool {
        self.left == 0
    }

    /// The entry for a line; none if it is not wanted.
    pub(super) fn entry(&mut self, line: &Line<'_>) -> Option<LogEntry> {
        let slot = usize::from(line.stream == OutputStream::Stderr);
        let continues = std::mem::replace(&mut self.open[slot], line.partial);
        let any_stream = self.filter.stream == OutputStream::Unspecified;
        if !any_stream && self.filter.stream != line.stream {
            return None;
        }
        if self.filter.since.is_some_and(|since| line.at < since) {
            return None;
        }
        let data = self.data(line, continues);
        self.left = self.left.saturating_sub(data.len());
        Some(LogEntry {
            time: Some(exact(line.at)),
            stream: line.stream.into(),
            data,
            partial: line.partial,
        })
    }

    /// The bytes as `kubectl logs` prints them: a time at the beginning of a line only, cut
    /// wherever the limit is.
    fn data(&self, line: &Line<'_>, continues: bool) -> Bytes {
        let mut data = BytesMut::with_capacity(line.content.len() + 1);
        if self.filter.timestamps && !continues {
            data.put(stamp(line.at).as_bytes());
            data.put_u8(b' ');
        }
        data.put(line.content);
        if !line.partial {
            data.put_u8(b'\n');
        }
        data.truncate(self.left);
        data.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::cri::parse, *};

    const LOG: [&str; 4] = [
        "2026-01-01T00:00:00Z stdout P Hel",
        "2026-01-01T00:00:01Z stderr F oops",
        "2026-01-01T00:00:02Z stdout F lo",
        "2026-01-01T00:00:03Z stdout F bye",
    ];

    fn all() -> Filter {
        Filter {
            since: None,
            stream: OutputStream::Unspecified,
            timestamps: false,
            limit: None,
        }
    }

    fn text(filter: Filter) -> String {
        let mut sieve = Sieve::new(filter);
        let mut out = Vec::new();
        for line in LOG {
            if sieve.is_full() {
                break;
            }
            let entry = sieve.entry(&parse(line.as_bytes()).unwrap());
            out.extend(entry.map(|entry| entry.data.to_vec()).unwrap_or_default());
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn parts_of_a_line_are_put_together() {
        assert_eq!(text(all()), "Heloops\nlo\nbye\n");
        let stdout = Filter {
            stream: OutputStream::Stdout,
            ..all()
        };
        assert_eq!(text(stdout), "Hello\nbye\n");
    }

    #[test]
    fn a_time_stands_only_where_a_line_begins() {
        let stdout = Filter {
            stream: OutputStream::Stdout,
            timestamps: true,
            ..all()
        };
        assert_eq!(
            text(stdout),
            "2026-01-01T00:00:00.000000000Z Hello\n2026-01-01T00:00:03.000000000Z bye\n"
        );
    }

    #[test]
    fn old_entries_are_left_out_and_the_limit_cuts_within_a_line() {
        let at = parse(LOG[2].as_bytes()).unwrap().at;
        let since = Filter {
            since: Some(at),
            ..all()
        };
        assert_eq!(text(since), "lo\nbye\n");
        let limited = Filter {
            limit: Some(5),
            ..all()
        };
        assert_eq!(text(limited), "Heloo");
    }
}
