//! The tools that Lifepod is measured next to, each with its own minimal container.

mod containerd;
mod crun;
mod libcontainer;
mod podman;

use crate::bundle;
use anyhow::{Context, Result, ensure};
use lifepod_tests::fixtures::Image;
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

pub(crate) use self::{
    containerd::Containerd, crun::Crun, libcontainer::Libcontainer, podman::Podman,
};

/// A tool that makes containers. Only [`Contender::start`], [`Contender::exec`] and
/// [`Contender::remove`] are timed.
pub(crate) trait Contender: Sync {
    /// As the report names it.
    fn name(&self) -> &'static str;

    /// Whether each round measures it; the slow ones only join every fourth.
    fn every_round(&self) -> bool {
        true
    }

    /// Gets ready what is not to be measured.
    fn prepare(&self, _id: &str) -> Result<()> {
        Ok(())
    }

    /// Makes and starts a container; returns when the tool says that it runs.
    fn start(&self, id: &str) -> Result<()>;

    /// Runs `true` in it to its end; false if the tool has no such command here.
    fn exec(&self, _id: &str) -> Result<bool> {
        Ok(false)
    }

    /// Ends the container and removes it.
    fn remove(&self, id: &str) -> Result<()>;
}

/// Where a contender works.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// A folder of its own.
    pub(crate) folder: PathBuf,
    /// Parent of its cgroups.
    pub(crate) cgroup: String,
}

impl Place {
    /// `folder/name`, made.
    fn of(&self, name: &str) -> Result<Self> {
        let folder = self.folder.join(name);
        fs::create_dir_all(&folder)?;
        Ok(Self {
            folder,
            cgroup: self.cgroup.clone(),
        })
    }

    /// Runs a tool to its end. What it starts lives on and inherits its output, hence a file.
    fn run(&self, command: &mut Command) -> Result<()> {
        let log = self.folder.join("log");
        let output = File::options().create(true).append(true).open(&log)?;
        let status = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .status()
            .with_context(|| format!("cannot run {:?}", command.get_program()))?;
        ensure!(
            status.success(),
            "{command:?}: {status}\n{}",
            fs::read_to_string(&log).unwrap_or_default()
        );
        Ok(())
    }
}

/// A root file system and bundles on it, for plain OCI runtimes.
#[derive(Debug)]
pub(crate) struct Bundles {
    rootfs: PathBuf,
    folder: PathBuf,
    cgroup: String,
}

impl Bundles {
    fn new(place: &Place, image: &Image) -> Result<Self> {
        let rootfs = place.folder.join("rootfs");
        bundle::unpack(image, &rootfs)?;
        Ok(Self {
            rootfs,
            folder: place.folder.join("bundles"),
            cgroup: place.cgroup.clone(),
        })
    }

    fn write(&self, id: &str) -> Result<()> {
        bundle::write(&self.of(id), &self.rootfs, &self.cgroup, id)
    }

    fn of(&self, id: &str) -> PathBuf {
        self.folder.join(id)
    }
}

/// Every tool that is installed, after libcontainer, which always is.
pub(crate) fn all(place: &Place, image: &Image) -> Result<Vec<Box<dyn Contender>>> {
    let mut all: Vec<Box<dyn Contender>> = vec![
        Box::new(Libcontainer::new(place, image)?),
        Box::new(Crun::new(place, image)?),
    ];
    if is_installed("podman") {
        all.push(Box::new(Podman::new(place, image)?));
    }
    if is_installed("containerd") && is_installed("ctr") {
        all.push(Box::new(Containerd::new(place, image)?));
    }
    Ok(all)
}

fn is_installed(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}

/// Removes the cgroups that tools leave: their own parents.
pub(crate) fn remove_cgroups(name: &str) {
    for hierarchy in fs::read_dir("/sys/fs/cgroup")
        .into_iter()
        .flatten()
        .flatten()
    {
        remove_tree(&hierarchy.path().join(name));
    }
    remove_tree(&Path::new("/sys/fs/cgroup").join(name));
}

fn remove_tree(cgroup: &Path) {
    for child in fs::read_dir(cgroup).into_iter().flatten().flatten() {
        if child.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_tree(&child.path());
        }
    }
    // What is still in use shows in the check for leaks.
    let _ = fs::remove_dir(cgroup);
}
