//! Where the last lines of a log begin.

use std::io;

use super::file::{BLOCK, LogFile};

/// Offset of the first of the last `lines` lines. A line that is still being written counts.
pub(super) async fn start_of(file: &LogFile, lines: u64) -> io::Result<u64> {
    let end = file.len().await?;
    if lines == 0 || end == 0 {
        return Ok(end);
    }
    let (mut found, mut block_end) = (0, end);
    while block_end > 0 {
        let begin = block_end.saturating_sub(BLOCK as u64);
        let block = file.read_at(begin).await?;
        let wanted = usize::try_from(block_end - begin).unwrap_or(BLOCK);
        let feeds = block.iter().enumerate().take(wanted);
        for (at, _) in feeds.filter(|(_, byte)| **byte == b'\n').rev() {
            let after = begin + at as u64 + 1;
            // The feed at the very end closes the last line; it begins none.
            if after == end {
                continue;
            }
            found += 1;
            if found == lines {
                return Ok(after);
            }
        }
        block_end = begin;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn offset(content: &str, lines: u64) -> u64 {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("0.log");
        std::fs::write(&path, content).unwrap();
        let file = LogFile::open(&path).await.unwrap().unwrap();
        start_of(&file, lines).await.unwrap()
    }

    #[tokio::test]
    async fn the_last_lines_are_found_from_the_end() {
        let text = "a\nbb\nccc\n";
        for (lines, at) in [(0, 9), (1, 5), (2, 2), (3, 0), (4, 0)] {
            assert_eq!(offset(text, lines).await, at, "{lines}");
        }
        assert_eq!(offset("a\nbb", 1).await, 2, "an open line counts");
        assert_eq!(offset("", 3).await, 0);
        assert_eq!(offset("\n\n\n", 2).await, 1);
    }

    #[tokio::test]
    async fn lines_are_found_across_blocks() {
        let line = format!("{}\n", "x".repeat(BLOCK / 2));
        let text = line.repeat(6);
        assert_eq!(offset(&text, 4).await, (line.len() * 2) as u64);
    }
}
