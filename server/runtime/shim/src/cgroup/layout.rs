//! How the machine's cgroups are mounted.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use rustix::fs::statfs;

const ROOT: &str = "/sys/fs/cgroup";
const CGROUP2_MAGIC: i64 = 0x6367_7270;

/// One mounted v1 hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hierarchy {
    /// Where it is mounted.
    pub mount_point: PathBuf,
    /// Its controllers; `name=…` for a named one.
    pub controllers: Vec<String>,
}

/// The machine's hierarchies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layout {
    /// v1, or hybrid: then the v2 mount carries no controllers and is left alone.
    V1(Vec<Hierarchy>),
    /// v2 alone.
    V2(PathBuf),
}

impl Layout {
    /// Looks at `/sys/fs/cgroup`.
    ///
    /// # Errors
    /// If nothing usable is mounted there.
    pub fn detect() -> io::Result<Self> {
        if is_cgroup2(Path::new(ROOT))? {
            return Ok(Self::V2(PathBuf::from(ROOT)));
        }
        let hierarchies = parse_mountinfo(&fs::read_to_string("/proc/self/mountinfo")?);
        if hierarchies.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                format!("no cgroup hierarchy is mounted at {ROOT}"),
            ));
        }
        Ok(Self::V1(hierarchies))
    }

    /// v2 alone?
    pub fn is_unified(&self) -> bool {
        matches!(self, Self::V2(_))
    }

    /// Every mount point.
    pub fn mount_points(&self) -> impl Iterator<Item = &Path> {
        let (v1, v2) = match self {
            Self::V1(hierarchies) => (hierarchies.as_slice(), None),
            Self::V2(root) => (&[][..], Some(root.as_path())),
        };
        v1.iter()
            .map(|hierarchy| hierarchy.mount_point.as_path())
            .chain(v2)
    }

    /// Where one controller is mounted; on v2 the answer is the same for all.
    pub fn mount_point(&self, controller: &str) -> Option<&Path> {
        match self {
            Self::V1(hierarchies) => {
                let has = |h: &&Hierarchy| h.controllers.iter().any(|name| name == controller);
                Some(&hierarchies.iter().find(has)?.mount_point)
            }
            Self::V2(root) => Some(root),
        }
    }
}

fn is_cgroup2(path: &Path) -> io::Result<bool> {
    #[expect(
        clippy::useless_conversion,
        reason = "the field's type differs between architectures"
    )]
    Ok(i64::from(statfs(path)?.f_type) == CGROUP2_MAGIC)
}

/// Lines look like `32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu`.
fn parse_mountinfo(text: &str) -> Vec<Hierarchy> {
    let mut found: Vec<Hierarchy> = Vec::new();
    for line in text.lines() {
        let Some(hierarchy) = parse_line(line) else {
            continue;
        };
        // A hierarchy may be mounted twice, for example by a container with a view of its own.
        if !found
            .iter()
            .any(|known| known.controllers == hierarchy.controllers)
        {
            found.push(hierarchy);
        }
    }
    found
}

fn parse_line(line: &str) -> Option<Hierarchy> {
    let (mount, filesystem) = line.split_once(" - ")?;
    let mut filesystem = filesystem.split(' ');
    if filesystem.next()? != "cgroup" {
        return None;
    }
    let options = filesystem.nth(1)?;
    let mut mount = mount.split(' ').skip(3);
    let (root, mount_point) = (mount.next()?, mount.next()?);
    if root != "/" || !Path::new(mount_point).starts_with(ROOT) {
        return None;
    }
    let not_controllers = [
        "rw",
        "ro",
        "xattr",
        "noprefix",
        "clone_children",
        "favordynmods",
    ];
    let controllers = options
        .split(',')
        .filter(|option| !not_controllers.contains(option) && !option.starts_with("release_agent="))
        .map(str::to_owned)
        .collect();
    Some(Hierarchy {
        mount_point: PathBuf::from(mount_point),
        controllers,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hierarchies_are_read_from_mountinfo() {
        let text = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,release_agent=/x,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
90 80 0:32 /lifepod/p /rootfs/sys/fs/cgroup/memory ro - cgroup cgroup rw,memory
";
        let layout = Layout::V1(parse_mountinfo(text));
        assert_eq!(layout.mount_points().count(), 3);
        assert_eq!(
            layout.mount_point("cpuacct"),
            Some(Path::new("/sys/fs/cgroup/cpu,cpuacct"))
        );
        assert_eq!(
            layout.mount_point("name=systemd"),
            Some(Path::new("/sys/fs/cgroup/systemd"))
        );
        assert_eq!(layout.mount_point("pids"), None);
    }
}
