//! What a sandbox could leave behind on the machine.

use std::{fs, path::PathBuf};

use lifepod_shim::cgroup::{Cgroup, Layout};

/// Existing directories of a cgroup.
pub(crate) fn cgroup_directories(path: &str) -> Vec<PathBuf> {
    let (layout, cgroup) = (Layout::detect().unwrap(), Cgroup::new(path).unwrap());
    cgroup
        .directories(&layout)
        .filter(|directory| directory.exists())
        .collect()
}

/// Everything that still bears a pod's name: cgroups, mounts of the host, processes.
pub(crate) fn leftovers(cgroup_parent: &str) -> Vec<String> {
    let name = cgroup_parent.rsplit('/').next().unwrap();
    let mut found: Vec<String> = cgroup_directories(cgroup_parent)
        .iter()
        .map(|path| format!("{path:?}"))
        .collect();
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    found.extend(
        mounts
            .lines()
            .filter(|line| line.contains(name))
            .map(str::to_owned),
    );
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&command).contains(name) {
            found.push(format!("process {:?}", entry.file_name()));
        }
    }
    found
}
