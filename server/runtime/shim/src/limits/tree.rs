//! Making cgroup directories.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

use lifepod_shim::cgroup::{Cgroup, Layout};

/// Controllers that containers may be limited by.
const WANTED: [&str; 6] = ["cpu", "cpuset", "io", "memory", "pids", "hugetlb"];
/// An ancestor shared by pods may be removed by the last of the others just when we want it.
const ATTEMPTS: u32 = 16;

/// Makes a cgroup and what is missing above it, with every controller usable inside.
pub(crate) fn create(layout: &Layout, cgroup: &Cgroup) -> io::Result<()> {
    let mut attempt = 1;
    loop {
        match create_once(layout, cgroup) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && attempt < ATTEMPTS => {
                attempt += 1;
            }
            result => return result,
        }
    }
}

fn create_once(layout: &Layout, cgroup: &Cgroup) -> io::Result<()> {
    match layout {
        Layout::V2(root) => create_unified(root, cgroup.relative()),
        Layout::V1(hierarchies) => {
            for hierarchy in hierarchies {
                fs::create_dir_all(hierarchy.mount_point.join(cgroup.relative()))?;
                if hierarchy.controllers.iter().any(|name| name == "cpuset") {
                    inherit_cpuset(&hierarchy.mount_point, cgroup.relative())?;
                }
            }
            Ok(())
        }
    }
}

/// v1 gives a new cpuset no CPUs and no memory nodes, and lets nobody in until it has some.
fn inherit_cpuset(root: &Path, relative: &Path) -> io::Result<()> {
    for file in ["cpuset.cpus", "cpuset.mems"] {
        let mut directory = root.to_owned();
        for part in components(relative) {
            let parent = directory.join(file);
            directory.push(part);
            let own = directory.join(file);
            if fs::read_to_string(&own)?.trim().is_empty() {
                fs::write(own, fs::read_to_string(parent)?.trim())?;
            }
        }
    }
    Ok(())
}

fn create_unified(root: &Path, relative: &Path) -> io::Result<()> {
    let available = fs::read_to_string(root.join("cgroup.controllers"))?;
    let mut directory = root.to_owned();
    for part in components(relative) {
        enable_controllers(&directory, &available);
        directory.push(part);
        match fs::create_dir(&directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Lets the children of a cgroup use controllers. One that cannot be enabled is missed only by a limit
/// that needs it, and that limit's own error then names it.
fn enable_controllers(directory: &Path, available: &str) {
    let control = directory.join("cgroup.subtree_control");
    let enabled = fs::read_to_string(&control).unwrap_or_default();
    for name in available
        .split_whitespace()
        .filter(|name| WANTED.contains(name))
    {
        if !enabled.split_whitespace().any(|known| known == name) {
            let _ = fs::write(&control, format!("+{name}"));
        }
    }
}

fn components(relative: &Path) -> impl Iterator<Item = PathBuf> {
    relative.components().filter_map(|part| match part {
        Component::Normal(name) => Some(PathBuf::from(name)),
        _ => None,
    })
}
