//! Cgroups on v1, hybrid and v2 machines: finding them, naming them, killing and removing them.
//!
//! A path such as `/lifepod/<pod>/<container>` names one directory in every v1 hierarchy, or the one
//! directory of v2. Limits and joining live in the shim; this part is shared with the server, which
//! must be able to end a pod whose shim was killed.

mod kill;
mod layout;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

pub use layout::{Hierarchy, Layout};

/// One cgroup of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cgroup {
    path: String,
}

impl Cgroup {
    /// Names a cgroup. It need not exist.
    ///
    /// # Errors
    /// `InvalidInput` unless the path is absolute, below the root and without `.` and `..`.
    pub fn new(path: &str) -> io::Result<Self> {
        let relative = path
            .strip_prefix('/')
            .unwrap_or_default()
            .trim_end_matches('/');
        let odd = |part: &str| part.is_empty() || part == "." || part == "..";
        if relative.split('/').any(odd) {
            let text = format!("cgroup path `{path}` is not absolute and below the root");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        Ok(Self {
            path: relative.to_owned(),
        })
    }

    /// Path relative to the root of each hierarchy.
    pub fn relative(&self) -> &Path {
        Path::new(&self.path)
    }

    /// Whether `other` is this cgroup or lies below it.
    pub fn contains(&self, other: &Self) -> bool {
        other.relative().starts_with(self.relative())
    }

    /// Its directories, one per hierarchy.
    pub fn directories<'a>(&'a self, layout: &'a Layout) -> impl Iterator<Item = PathBuf> + 'a {
        layout.mount_points().map(|mount| mount.join(&self.path))
    }

    /// Its directory in the hierarchy of one v1 controller, or the one of v2.
    pub fn directory(&self, layout: &Layout, controller: &str) -> Option<PathBuf> {
        Some(layout.mount_point(controller)?.join(&self.path))
    }

    /// How many of its processes the OOM killer has killed since it exists. `None` if that is not known.
    pub fn oom_kills(&self, layout: &Layout) -> Option<u64> {
        let file = if layout.is_unified() {
            "memory.events"
        } else {
            "memory.oom_control"
        };
        let text = fs::read_to_string(self.directory(layout, "memory")?.join(file)).ok()?;
        let count = text
            .lines()
            .find_map(|line| line.strip_prefix("oom_kill "))?;
        count.trim().parse().ok()
    }

    /// Signals every process in it and below it. Processes that fork meanwhile may escape; call again
    /// until [`Cgroup::remove`] succeeds.
    ///
    /// # Errors
    /// If the list of processes cannot be read. A missing cgroup has no processes.
    pub fn signal_all(&self, layout: &Layout, signal: i32) -> io::Result<()> {
        kill::signal_all(self, layout, signal)
    }

    /// Removes it and everything below it. Answers false while processes are still in it.
    ///
    /// # Errors
    /// What the kernel says, other than that it is busy or gone.
    pub fn remove(&self, layout: &Layout) -> io::Result<bool> {
        let mut gone = true;
        for directory in self.directories(layout) {
            gone &= remove_tree(&directory)?;
        }
        Ok(gone)
    }

    /// Removes it if nothing is in it or below it: for ancestors shared with other pods.
    pub fn remove_if_unused(&self, layout: &Layout) {
        for directory in self.directories(layout) {
            // Busy or already gone is the normal case.
            let _ = fs::remove_dir(directory);
        }
    }

    /// The cgroup one level up, unless that is the root.
    pub fn parent(&self) -> Option<Self> {
        let (parent, _) = self.path.rsplit_once('/')?;
        Some(Self {
            path: parent.to_owned(),
        })
    }
}

fn remove_tree(directory: &Path) -> io::Result<bool> {
    match fs::remove_dir(directory) {
        Ok(()) => return Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) if error.kind() != io::ErrorKind::ResourceBusy => return Err(error),
        Err(_) => {}
    }
    for child in subdirectories(directory)? {
        if !remove_tree(&child)? {
            return Ok(false);
        }
    }
    match fs::remove_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy => Ok(false),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(true),
    }
}

fn subdirectories(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_could_leave_their_place_are_refused() {
        for bad in ["", "/", "a", "/a/../b", "/a//b", "/./a"] {
            assert!(Cgroup::new(bad).is_err(), "{bad}");
        }
        let pod = Cgroup::new("/lifepod/pod/").unwrap();
        assert_eq!(pod.relative(), Path::new("lifepod/pod"));
        assert!(pod.contains(&Cgroup::new("/lifepod/pod/c").unwrap()));
        assert!(!pod.contains(&Cgroup::new("/lifepod/pod2").unwrap()));
        assert_eq!(pod.parent().unwrap().parent(), None);
    }
}
