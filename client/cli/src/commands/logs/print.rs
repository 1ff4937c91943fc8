//! Entries of a log on stdout.

use lifepod_client::proto;

use super::Source;
use crate::{failure::Failure, output};

/// Prints the entries of one log, with a prefix before each line if one is wanted.
pub(super) struct Printer {
    prefix: Vec<u8>,
    at_line_start: bool,
}

impl Printer {
    pub(super) fn new(source: &Source, with_prefix: bool) -> Self {
        let prefix = if with_prefix {
            format!("[pod/{}/{}] ", source.pod, source.container)
        } else {
            String::new()
        };
        Self {
            prefix: prefix.into_bytes(),
            at_line_start: true,
        }
    }

    pub(super) fn print(&mut self, entries: &[proto::LogEntry]) -> Result<(), Failure> {
        let mut text = Vec::new();
        for line in entries
            .iter()
            .flat_map(|entry| entry.data.split_inclusive(|byte| *byte == b'\n'))
        {
            if self.at_line_start {
                text.extend_from_slice(&self.prefix);
            }
            text.extend_from_slice(line);
            self.at_line_start = line.ends_with(b"\n");
        }
        output::bytes(&text)
    }
}
