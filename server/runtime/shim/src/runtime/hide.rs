//! Keeping libcontainer away from cgroups.
//!
//! libcontainer always makes the cgroup itself and moves its helper there, hierarchy by hierarchy,
//! each move waiting for an RCU grace period. [`crate::limits`] has already put this process into the
//! cgroup without waiting, and its children inherit that. So the cgroup file systems are unmounted in
//! a mount namespace of this child's own, and an empty tmpfs in their place makes libcontainer see a
//! v1 machine without a single controller: nothing to make, nothing to move.
//!
//! The tmpfs has a second use: libcontainer's own files live there, cost no disk, and are gone with the
//! last process that sees them.

use std::{fs, io, os::fd::OwnedFd, path::PathBuf};

use lifepod_shim::cgroup::{Cgroup, Layout};
use rustix::{
    fs::CWD,
    mount::{
        MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, mount,
        mount_change, move_mount, open_tree, unmount,
    },
    thread::UnshareFlags,
};

const ROOT: &str = "/sys/fs/cgroup";

/// Where libcontainer may leave files, once the cgroups are hidden.
pub(super) const SCRATCH: &str = "/sys/fs/cgroup/scratch";

/// Where the root file system is attached.
const ROOTFS: &str = "/sys/fs/cgroup/rootfs";

/// The container's own cgroup in one hierarchy, moved aside for the container's `/sys/fs/cgroup`.
#[derive(Clone, Debug)]
pub(super) struct View {
    /// Name of the hierarchy's directory: `memory`, `cpu,cpuacct`; empty for v2.
    pub(super) name: String,
    /// Where it is to be found now.
    pub(super) source: PathBuf,
}

/// Hides all cgroups but, if asked, the views of one.
pub(super) fn hide_cgroups(layout: &Layout, views_of: Option<&Cgroup>) -> io::Result<Vec<View>> {
    unshare_mounts()?;
    let trees = match views_of {
        Some(cgroup) => take_trees(layout, cgroup)?,
        None => Vec::new(),
    };
    unmount_all()?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("tmpfs", ROOT, "tmpfs", flags, c"size=4m,mode=755")?;
    fs::create_dir(SCRATCH)?;
    let mut views = Vec::new();
    for (number, (name, tree)) in trees.into_iter().enumerate() {
        // Not the hierarchy's own name: libcontainer recognises hierarchies by that.
        let source = PathBuf::from(format!("{ROOT}/view{number}"));
        fs::create_dir(&source)?;
        let by_descriptor = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
        move_mount(&tree, "", CWD, &source, by_descriptor)?;
        views.push(View { name, source });
    }
    Ok(views)
}

/// Attaches the root file system, where only this child and the container will see it.
pub(super) fn attach_rootfs(mounted: &OwnedFd) -> io::Result<PathBuf> {
    let path = PathBuf::from(ROOTFS);
    fs::create_dir(&path)?;
    let by_descriptor = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    move_mount(mounted, "", CWD, &path, by_descriptor)?;
    Ok(path)
}

/// Copies of a cgroup's mounts, held by descriptor only.
fn take_trees(layout: &Layout, cgroup: &Cgroup) -> io::Result<Vec<(String, OwnedFd)>> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let mut trees = Vec::new();
    for mount_point in layout.mount_points() {
        let name = mount_point.strip_prefix(ROOT).unwrap_or(mount_point);
        let tree = open_tree(CWD, mount_point.join(cgroup.relative()), flags)?;
        trees.push((name.display().to_string(), tree));
    }
    Ok(trees)
}

/// There may be several, one over the other.
fn unmount_all() -> io::Result<()> {
    unmount(ROOT, UnmountFlags::DETACH)?;
    while unmount(ROOT, UnmountFlags::DETACH).is_ok() {}
    Ok(())
}

#[expect(unsafe_code, reason = "unshare(2) can break threads; there are none")]
fn unshare_mounts() -> io::Result<()> {
    // SAFETY: the process has one thread and shares no file descriptors that this could separate.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNS)? };
    // Otherwise the unmount would reach the host.
    mount_change(
        "/",
        MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC,
    )?;
    Ok(())
}
