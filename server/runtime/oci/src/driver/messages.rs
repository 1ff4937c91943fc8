//! Termination messages (spec §2.6).

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::Path,
};

use lifepod_lifecycle::spec::{ContainerSpec, TerminationMessagePolicy};

/// Bytes read from the end of the file.
const FILE_LIMIT: u64 = 4096;
/// Bytes and lines taken from the end of the log.
const LOG_LIMIT: usize = 2048;
const LOG_LINES: usize = 80;
/// What is read of the log to find them: lines carry time stamps and may be short.
const LOG_READ: u64 = 64 * 1024;

/// The termination message of an ended instance.
pub(super) fn message(spec: &ContainerSpec, exit_code: i32, file: &Path, log: &Path) -> String {
    let text = match tail(file, FILE_LIMIT) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => format!(
            "Error on reading termination log {}: {error}",
            file.display()
        ),
    };
    let fall_back =
        spec.termination_message_policy == TerminationMessagePolicy::FallbackToLogsOnError;
    if text.is_empty() && fall_back && exit_code != 0 {
        return tail(log, LOG_READ)
            .map(|bytes| last_lines(&bytes))
            .unwrap_or_default();
    }
    text
}

fn tail(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(limit)))?;
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The content of the last lines of a CRI log, within the limits.
fn last_lines(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<_> = text.lines().collect();
    let mut out = String::new();
    for line in &lines[lines.len().saturating_sub(LOG_LINES)..] {
        let mut parts = line.splitn(4, ' ').skip(2);
        let (tag, content) = (parts.next().unwrap_or("F"), parts.next().unwrap_or(""));
        out.push_str(content);
        if tag.starts_with('F') {
            out.push('\n');
        }
    }
    let cut = (out.len().saturating_sub(LOG_LIMIT)..out.len()).find(|at| out.is_char_boundary(*at));
    out.split_off(cut.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(policy: TerminationMessagePolicy) -> ContainerSpec {
        ContainerSpec {
            termination_message_policy: policy,
            ..ContainerSpec::default()
        }
    }

    #[test]
    fn the_log_speaks_only_for_a_failure_without_a_message() {
        let dir = tempfile::tempdir().unwrap();
        let (file, log) = (dir.path().join("message"), dir.path().join("0.log"));
        std::fs::write(&log, "t stdout F one\nt stderr P tw\nt stderr F o\n").unwrap();
        let fall_back = spec(TerminationMessagePolicy::FallbackToLogsOnError);
        assert_eq!(message(&fall_back, 1, &file, &log), "one\ntwo\n");
        assert_eq!(message(&fall_back, 0, &file, &log), "");
        assert_eq!(
            message(&spec(TerminationMessagePolicy::File), 1, &file, &log),
            ""
        );
        std::fs::write(&file, "done").unwrap();
        assert_eq!(message(&fall_back, 1, &file, &log), "done");
        std::fs::write(&file, "x".repeat(5000)).unwrap();
        assert_eq!(message(&fall_back, 1, &file, &log).len(), 4096);
    }
}
