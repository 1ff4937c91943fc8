//! Where everything of a pod lies.
//!
//! ```text
//! <data>/pods/<uid>/pod.json                              namespace and name, for clean-up
//!                   sandbox-<n>/                          the shim's directory
//!                   {hosts,hostname,resolv.conf}          files of every container
//!                   shm/                                  /dev/shm of the pod
//!                   containers/<name>/<attempt>/          config.json, snapshot, termination message
//! <data>/logs/<namespace>_<name>_<uid>/<container>/<attempt>.log
//! ```

use std::{
    io,
    path::{Path, PathBuf},
};

use lifepod_lifecycle::{effect::PodRef, id::PodUid};
use sha2::{Digest as _, Sha256};

use crate::bundle::PodFiles;

/// Names every path below the data directory.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    data: PathBuf,
}

impl Layout {
    pub(super) fn new(data: PathBuf) -> Self {
        Self { data }
    }

    pub(super) fn pods(&self) -> PathBuf {
        self.data.join("pods")
    }

    pub(super) fn pod(&self, uid: &PodUid) -> PathBuf {
        self.pods().join(uid.as_str())
    }

    pub(super) fn sandbox(&self, uid: &PodUid, attempt: u32) -> PathBuf {
        self.pod(uid).join(format!("sandbox-{attempt}"))
    }

    pub(super) fn shm(&self, uid: &PodUid) -> PathBuf {
        self.pod(uid).join("shm")
    }

    pub(super) fn files(&self, uid: &PodUid) -> PodFiles {
        let pod = self.pod(uid);
        PodFiles {
            hosts: pod.join("hosts"),
            hostname: pod.join("hostname"),
            resolv_conf: pod.join("resolv.conf"),
            shm: self.shm(uid),
        }
    }

    pub(super) fn containers(&self, uid: &PodUid) -> PathBuf {
        self.pod(uid).join("containers")
    }

    pub(super) fn container(&self, uid: &PodUid, name: &str, attempt: u32) -> PathBuf {
        self.containers(uid).join(name).join(attempt.to_string())
    }

    pub(super) fn termination_log(&self, uid: &PodUid, name: &str, attempt: u32) -> PathBuf {
        self.container(uid, name, attempt).join("termination-log")
    }

    pub(super) fn all_logs(&self) -> PathBuf {
        self.data.join("logs")
    }

    pub(super) fn logs(&self, pod: &PodRef) -> PathBuf {
        let directory = format!("{}_{}_{}", pod.key.namespace, pod.key.name, pod.uid);
        self.all_logs().join(directory)
    }

    pub(super) fn log(&self, pod: &PodRef, container: &str, attempt: u32) -> PathBuf {
        self.logs(pod)
            .join(container)
            .join(format!("{attempt}.log"))
    }

    /// All log directories of a pod whose name is no longer known.
    pub(super) fn logs_of(&self, uid: &PodUid) -> Vec<PathBuf> {
        let suffix = format!("_{uid}");
        let entries = std::fs::read_dir(self.all_logs())
            .into_iter()
            .flatten()
            .flatten();
        entries
            .map(|entry| entry.path())
            .filter(|path| path.to_string_lossy().ends_with(&suffix))
            .collect()
    }
}

/// Id of an instance: the same for the same start of the same container, so that a repeated
/// operation finds what an earlier one made.
pub(super) fn container_id(uid: &PodUid, name: &str, attempt: u32) -> String {
    hex::encode(Sha256::digest(format!("{uid}/{name}/{attempt}")))
}

/// Every instance that has a directory: container name and attempt.
pub(super) fn instances(containers: &Path) -> io::Result<Vec<(String, u32)>> {
    let mut found = Vec::new();
    for name in names(containers)? {
        for attempt in names(&containers.join(&name))?
            .iter()
            .filter_map(|text| text.parse().ok())
        {
            found.push((name.clone(), attempt));
        }
    }
    found.sort();
    Ok(found)
}

/// Names in a directory; a missing one is empty.
fn names(path: &Path) -> io::Result<Vec<String>> {
    let entries = match std::fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry?.file_name().into_string());
    }
    Ok(names)
}
