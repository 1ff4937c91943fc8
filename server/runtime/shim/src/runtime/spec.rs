//! The bundle as libcontainer is to see it.
//!
//! Taken out is what the shim does itself because libcontainer would do it slowly or would fail where
//! less is possible: cgroup and limits, the OOM score, resource limits beyond reach. Put in is what
//! libcontainer would ask the image's C library for: the home directory.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use lifepod_shim::protocol::{ErrorCode, Failure};
use oci_spec::runtime::{Mount, MountBuilder, PosixRlimit, PosixRlimitBuilder, Spec};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};

use super::{hide::View, lookup, privileges};

/// Whether the container wants to see its cgroup.
pub(super) fn mounts_cgroup(spec: &Spec) -> bool {
    spec.mounts()
        .iter()
        .flatten()
        .any(|mount| mount.typ().as_deref() == Some("cgroup"))
}

/// Reads a bundle.
pub(super) fn load(bundle: &Path) -> Result<Spec, Failure> {
    Spec::load(bundle.join("config.json")).map_err(|error| {
        Failure::new(
            ErrorCode::InvalidRequest,
            format!("cannot read the bundle: {error}"),
        )
    })
}

/// Writes the adapted bundle to a directory of its own.
pub(super) fn adapt(
    mut spec: Spec,
    bundle: &Path,
    rootfs: Option<PathBuf>,
    views: &[View],
    target: &Path,
) -> Result<(), Failure> {
    let failed = |error: &dyn std::error::Error| {
        Failure::new(
            ErrorCode::StartFailed,
            format!("cannot adapt the bundle: {error}"),
        )
    };
    let root = absolute_root(&mut spec, bundle, rootfs)?;
    adapt_process(&mut spec, &root);
    if let Some(linux) = spec.linux_mut() {
        linux.set_resources(None);
        linux.set_cgroups_path(None);
    }
    if let Some(mounts) = spec.mounts_mut() {
        *mounts = replace_cgroup_mounts(mounts, views).map_err(|error| failed(&error))?;
    }
    fs::create_dir_all(target).map_err(|error| failed(&error))?;
    spec.save(target.join("config.json"))
        .map_err(|error| failed(&error))
}

fn absolute_root(
    spec: &mut Spec,
    bundle: &Path,
    attached: Option<PathBuf>,
) -> Result<PathBuf, Failure> {
    let Some(root) = spec.root_mut() else {
        return Err(Failure::new(
            ErrorCode::InvalidRequest,
            "the bundle has no root",
        ));
    };
    let found = match attached {
        Some(path) => Ok(path),
        None => fs::canonicalize(bundle.join(root.path())),
    };
    let path = found.map_err(|error| {
        Failure::new(
            ErrorCode::StartFailed,
            format!("cannot find the root file system: {error}"),
        )
    })?;
    root.set_path(path.clone());
    Ok(path)
}

fn adapt_process(spec: &mut Spec, root: &Path) {
    let Some(process) = spec.process_mut() else {
        return;
    };
    process.set_oom_score_adj(None);
    if let Some(limits) = process.rlimits() {
        let may_raise = privileges::may_raise_limits();
        let limits = limits
            .iter()
            .map(|limit| reachable(limit, may_raise))
            .collect();
        process.set_rlimits(Some(limits));
    }
    let uid = process.user().uid();
    let env = process.env_mut().get_or_insert_default();
    if !env
        .iter()
        .any(|entry| entry.starts_with("HOME=") && entry.len() > "HOME=".len())
    {
        let passwd = read_inside(root, "etc/passwd").unwrap_or_default();
        env.push(format!("HOME={}", lookup::home_directory(&passwd, uid)));
    }
}

fn reachable(limit: &PosixRlimit, may_raise: bool) -> PosixRlimit {
    let Some(resource) = privileges::resource(&limit.typ().to_string()) else {
        return *limit;
    };
    let nearest = privileges::reachable(resource, limit.soft(), limit.hard(), may_raise);
    PosixRlimitBuilder::default()
        .typ(limit.typ())
        .soft(nearest.current.unwrap_or(u64::MAX))
        .hard(nearest.maximum.unwrap_or(u64::MAX))
        .build()
        .unwrap_or(*limit)
}

/// Reads a file of the image without following a link out of it.
fn read_inside(root: &Path, file: &str) -> io::Result<String> {
    let directory = rustix::fs::openat(
        CWD,
        root,
        OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    let file = openat2(
        &directory,
        file,
        OFlags::RDONLY | OFlags::CLOEXEC,
        Mode::empty(),
        ResolveFlags::IN_ROOT,
    )?;
    io::read_to_string(fs::File::from(file))
}

/// libcontainer sees no cgroups, so their mounts are spelled out.
fn replace_cgroup_mounts(
    mounts: &[Mount],
    views: &[View],
) -> Result<Vec<Mount>, oci_spec::OciSpecError> {
    let mut all = Vec::new();
    for mount in mounts {
        if mount.typ().as_deref() != Some("cgroup") {
            all.push(mount.clone());
            continue;
        }
        if views.iter().all(|view| !view.name.is_empty()) {
            all.push(directory_for_views(mount.destination())?);
        }
        for view in views {
            all.push(bind_view(mount, view)?);
        }
    }
    Ok(all)
}

fn directory_for_views(destination: &Path) -> Result<Mount, oci_spec::OciSpecError> {
    let options = ["nosuid", "noexec", "nodev", "mode=755", "size=64k"];
    MountBuilder::default()
        .destination(destination)
        .typ("tmpfs")
        .source("tmpfs")
        .options(options.map(str::to_owned))
        .build()
}

fn bind_view(mount: &Mount, view: &View) -> Result<Mount, oci_spec::OciSpecError> {
    let mut options = vec![
        "bind".to_owned(),
        "nosuid".to_owned(),
        "noexec".to_owned(),
        "nodev".to_owned(),
    ];
    if mount
        .options()
        .iter()
        .flatten()
        .any(|option| option == "ro")
    {
        options.push("ro".to_owned());
    }
    MountBuilder::default()
        .destination(mount.destination().join(&view.name))
        .typ("bind")
        .source(view.source.clone())
        .options(options)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cgroup_mount() -> Mount {
        serde_json::from_str(
            r#"{"destination":"/sys/fs/cgroup","type":"cgroup","source":"cgroup","options":["nosuid","ro"]}"#,
        )
        .unwrap()
    }

    fn view(name: &str) -> View {
        View {
            name: name.to_owned(),
            source: PathBuf::from("/sys/fs/cgroup/view0"),
        }
    }

    #[test]
    fn v1_views_lie_in_a_directory_of_their_own() {
        let mounts =
            replace_cgroup_mounts(&[cgroup_mount()], &[view("memory"), view("pids")]).unwrap();
        let places: Vec<_> = mounts
            .iter()
            .map(|mount| mount.destination().to_str().unwrap())
            .collect();
        assert_eq!(
            places,
            [
                "/sys/fs/cgroup",
                "/sys/fs/cgroup/memory",
                "/sys/fs/cgroup/pids"
            ]
        );
        assert!(
            mounts[1]
                .options()
                .as_ref()
                .unwrap()
                .contains(&"ro".to_owned())
        );
    }

    #[test]
    fn the_v2_view_is_the_directory() {
        let mounts = replace_cgroup_mounts(&[cgroup_mount()], &[view("")]).unwrap();
        assert_eq!(mounts.len(), 1);
        assert_eq!(mounts[0].destination().to_str(), Some("/sys/fs/cgroup/"));
    }

    #[test]
    fn files_of_the_image_are_read_inside_of_it() {
        let temp = tempfile::tempdir().unwrap();
        fs::create_dir(temp.path().join("etc")).unwrap();
        std::os::unix::fs::symlink("/secret", temp.path().join("etc/passwd")).unwrap();
        fs::write(temp.path().join("secret"), "inside").unwrap();
        assert_eq!(read_inside(temp.path(), "etc/passwd").unwrap(), "inside");
    }
}
