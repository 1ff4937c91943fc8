//! A container's cgroup: made, limited, and entered by the right processes without waiting.
//!
//! Moving a process by `cgroup.procs` takes a machine-wide lock whose writers wait for an RCU grace
//! period: about 10 ms per container. Two ways avoid it and are used here: on v1 a single-threaded
//! process writes `0` to `tasks`, which moves only itself and needs no lock; on v2 the process is
//! cloned into the cgroup ([`crate::sys::fork`]). libcontainer knows neither, so it is kept from the
//! cgroups altogether (see `runtime::hide`) and everything about them is here.

mod bpf;
mod devices;
mod settings;
mod settings_v1;
mod settings_v2;
mod tree;

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::fd::OwnedFd,
};

use lifepod_shim::cgroup::{Cgroup, Layout};
use oci_spec::runtime::LinuxResources;
use rustix::fs::{Mode, OFlags};
use thiserror::Error;

use settings::{Setting, When};
pub(crate) use tree::create as create_tree;

/// Why a cgroup could not be made as asked.
#[derive(Debug, Error)]
pub(crate) enum LimitError {
    /// This is not done here, or not by this machine.
    #[error("resource limit `{0}` is not supported")]
    Unsupported(String),
    /// The kernel refused.
    #[error("cannot set {what} of cgroup `{cgroup}`: {source}")]
    Kernel {
        /// File or step.
        what: String,
        /// Which cgroup.
        cgroup: String,
        /// Why.
        source: io::Error,
    },
}

/// A cgroup with its limits, ready to be entered.
pub(crate) struct Prepared {
    /// v2: its directory, to clone into.
    pub(crate) directory: Option<OwnedFd>,
    /// Limits that would slow the setup itself, to be set right before the program starts. Open,
    /// because the process that does so no longer sees the cgroup file system.
    late: Vec<(File, String)>,
}

/// Makes the cgroup and sets its limits.
pub(crate) fn prepare(
    layout: &Layout,
    cgroup: &Cgroup,
    resources: Option<&LinuxResources>,
) -> Result<Prepared, LimitError> {
    let failed = |what: &str, source| LimitError::Kernel {
        what: what.to_owned(),
        cgroup: cgroup.relative().display().to_string(),
        source,
    };
    tree::create(layout, cgroup).map_err(|error| failed("the directory", error))?;
    let mut prepared = Prepared {
        directory: None,
        late: Vec::new(),
    };
    if layout.is_unified() {
        prepared.directory =
            Some(open_directory(layout, cgroup).map_err(|error| failed("the directory", error))?);
    }
    let Some(resources) = resources else {
        return Ok(prepared);
    };
    let settings = match layout {
        Layout::V1(_) => settings_v1::settings(resources)?,
        Layout::V2(_) => settings_v2::settings(resources)?,
    };
    for setting in settings {
        apply(layout, cgroup, &setting, &mut prepared.late)
            .map_err(|error| failed(&setting.file, error))?;
    }
    let rules = resources.devices().as_deref().unwrap_or_default();
    if let (Some(directory), false) = (&prepared.directory, rules.is_empty()) {
        bpf::restrict_devices(directory, rules)
            .map_err(|error| failed("the device rules", error))?;
    }
    Ok(prepared)
}

impl Prepared {
    /// Sets what was kept for last.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        for (file, value) in &mut self.late {
            file.write_all(value.as_bytes())?;
        }
        Ok(())
    }

    /// The open files of the late limits.
    pub(crate) fn late_files(&self) -> impl Iterator<Item = &File> {
        self.late.iter().map(|(file, _)| file)
    }
}

fn apply(
    layout: &Layout,
    cgroup: &Cgroup,
    setting: &Setting,
    late: &mut Vec<(File, String)>,
) -> io::Result<()> {
    let missing = || io::Error::new(io::ErrorKind::NotFound, "the controller is not mounted");
    let Some(directory) = cgroup.directory(layout, setting.controller) else {
        return if setting.optional {
            Ok(())
        } else {
            Err(missing())
        };
    };
    let mut file = match OpenOptions::new()
        .write(true)
        .open(directory.join(&setting.file))
    {
        Err(error) if setting.optional && error.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file?,
    };
    match setting.when {
        When::Now => file.write_all(setting.value.as_bytes()),
        When::BeforeStart => {
            late.push((file, setting.value.clone()));
            Ok(())
        }
    }
}

/// v1: moves this single-threaded process. On v2 it was born in the right place.
pub(crate) fn enter(layout: &Layout, cgroup: &Cgroup) -> io::Result<()> {
    if layout.is_unified() {
        return Ok(());
    }
    for directory in cgroup.directories(layout) {
        OpenOptions::new()
            .write(true)
            .open(directory.join("tasks"))?
            .write_all(b"0")?;
    }
    Ok(())
}

/// v2: the directory to clone into.
pub(crate) fn open_directory(layout: &Layout, cgroup: &Cgroup) -> io::Result<OwnedFd> {
    let path = cgroup.directories(layout).next().unwrap_or_default();
    Ok(rustix::fs::open(
        path,
        OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC,
        Mode::empty(),
    )?)
}
