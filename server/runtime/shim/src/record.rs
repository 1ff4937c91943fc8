//! Exit records: the one fact that must not be lost when both shim and server are gone.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{SandboxDir, UnixNanos};

/// How a container's init process ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitRecord {
    /// Which container.
    pub container_id: String,
    /// Process id of its init on the host.
    pub pid: i32,
    /// Exit code; 128 + n for death by signal n.
    pub exit_code: i32,
    /// The deadly signal, if it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// Init died by SIGKILL and its cgroup's count of OOM kills had grown since it was last looked
    /// at. It is looked at right before every SIGKILL the shim itself sends and after every exec
    /// that dies by SIGKILL, so an older OOM kill of a child or an exec does not colour a later end.
    #[serde(default)]
    pub oom_killed: bool,
    /// When the program was executed.
    pub started_at: UnixNanos,
    /// When the shim saw it dead, which is at once.
    pub finished_at: UnixNanos,
    /// Output that could not be written, because the log's disk failed until the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_error: Option<String>,
}

impl ExitRecord {
    /// Where the record of a container lies.
    pub fn path(dir: &SandboxDir, container_id: &str) -> PathBuf {
        dir.exits().join(format!("{container_id}.json"))
    }

    /// Writes the record so that it survives a crash of the machine: temporary file, fsync, rename,
    /// fsync of the directory.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn persist(&self, dir: &SandboxDir) -> io::Result<()> {
        let exits = dir.exits();
        let temporary = exits.join(format!(".{}.tmp", self.container_id));
        let mut file = File::create(&temporary)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        fs::rename(&temporary, Self::path(dir, &self.container_id))?;
        File::open(&exits)?.sync_all()
    }

    /// Forgets the record of a container; a missing one is fine.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn forget(dir: &SandboxDir, container_id: &str) -> io::Result<()> {
        match fs::remove_file(Self::path(dir, container_id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// All records of a sandbox, also after its shim died. A torn or foreign file is skipped: records
    /// appear by rename, so such a file never was one.
    ///
    /// # Errors
    /// If the directory cannot be listed; a missing one is empty.
    pub fn load_all(dir: &SandboxDir) -> io::Result<Vec<Self>> {
        let entries = match fs::read_dir(dir.exits()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut records = Vec::new();
        for entry in entries {
            if let Some(record) = load(&entry?.path()) {
                records.push(record);
            }
        }
        records.sort_by(|a, b| a.container_id.cmp(&b.container_id));
        Ok(records)
    }
}

fn load(path: &Path) -> Option<ExitRecord> {
    if path.extension()? != "json" {
        return None;
    }
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str) -> ExitRecord {
        ExitRecord {
            container_id: id.to_owned(),
            pid: 7,
            exit_code: 137,
            signal: Some(9),
            oom_killed: true,
            started_at: UnixNanos(1),
            finished_at: UnixNanos(2),
            log_error: None,
        }
    }

    #[test]
    fn records_are_found_again_and_torn_files_are_not() {
        let temp = tempfile::tempdir().unwrap();
        let dir = SandboxDir::new(temp.path());
        assert_eq!(ExitRecord::load_all(&dir).unwrap(), vec![]);
        fs::create_dir(dir.exits()).unwrap();
        record("b").persist(&dir).unwrap();
        record("a").persist(&dir).unwrap();
        fs::write(dir.exits().join(".c.tmp"), b"{\"container").unwrap();
        assert_eq!(
            ExitRecord::load_all(&dir).unwrap(),
            vec![record("a"), record("b")]
        );
        ExitRecord::forget(&dir, "a").unwrap();
        ExitRecord::forget(&dir, "a").unwrap();
        assert_eq!(ExitRecord::load_all(&dir).unwrap(), vec![record("b")]);
    }
}
