//! A log file that does not lose lines when its disk fails for a while.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
};

/// Appends; what could not be written waits, and while it waits nothing more is taken. The program
/// then blocks on its full pipe, as it would on a slow disk.
#[derive(Debug)]
pub(crate) struct LogFile {
    path: PathBuf,
    file: File,
    backlog: Vec<u8>,
    failure: Option<io::Error>,
}

impl LogFile {
    pub(crate) fn open(path: PathBuf) -> io::Result<Self> {
        Ok(Self {
            file: open(&path)?,
            path,
            backlog: Vec::new(),
            failure: None,
        })
    }

    /// Opens the path anew, after somebody renamed the file.
    pub(crate) fn reopen(&mut self) -> io::Result<()> {
        self.file = open(&self.path)?;
        self.retry();
        Ok(())
    }

    /// Whether more may be written.
    pub(crate) fn is_ready(&self) -> bool {
        self.backlog.is_empty()
    }

    /// Why nothing can be written at the moment.
    pub(crate) fn failure(&self) -> Option<String> {
        let error = self.failure.as_ref()?;
        Some(format!("cannot write `{}`: {error}", self.path.display()))
    }

    /// Writes, or keeps what is left for [`Self::retry`].
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        if !self.backlog.is_empty() {
            // Never past what waits already.
            self.backlog.extend_from_slice(bytes);
            return;
        }
        let written = self.write(bytes);
        self.backlog.extend_from_slice(&bytes[written..]);
    }

    /// Tries to write what waits.
    pub(crate) fn retry(&mut self) {
        let backlog = std::mem::take(&mut self.backlog);
        self.append(&backlog);
    }

    fn write(&mut self, bytes: &[u8]) -> usize {
        let mut written = 0;
        self.failure = None;
        while written < bytes.len() {
            match self.file.write(&bytes[written..]) {
                Ok(0) => self.failure = Some(io::ErrorKind::WriteZero.into()),
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.failure = Some(error),
            }
            if self.failure.is_some() {
                break;
            }
        }
        written
    }
}

fn open(path: &PathBuf) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o640)
        .open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_written_now_is_written_later() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("log");
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let mut log = LogFile::open(path.clone()).unwrap();
        log.append(b"one\n");
        assert!(!log.is_ready());
        log.append(b"");
        assert!(log.failure().unwrap().contains("No space left"));
        log.append(b"then\n");
        std::fs::remove_file(&path).unwrap();
        log.reopen().unwrap();
        assert!(log.is_ready());
        log.append(b"two\n");
        assert_eq!(std::fs::read_to_string(path).unwrap(), "one\nthen\ntwo\n");
    }
}
