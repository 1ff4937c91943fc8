//! One value for one control file.

use oci_spec::runtime::LinuxResources;

use super::LimitError;

/// When to write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Before anything runs in the cgroup.
    Now,
    /// After the container is set up: CPU quota and process limit would slow or break the setup, which
    /// is not the user's program.
    BeforeStart,
}

/// What to write where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) controller: &'static str,
    pub(crate) file: String,
    pub(crate) value: String,
    pub(crate) when: When,
    /// Without the file the machine behaves as asked anyway.
    pub(crate) optional: bool,
}

impl Setting {
    pub(crate) fn now(
        controller: &'static str,
        file: impl Into<String>,
        value: impl ToString,
    ) -> Self {
        Self {
            controller,
            file: file.into(),
            value: value.to_string(),
            when: When::Now,
            optional: false,
        }
    }

    pub(crate) fn late(
        controller: &'static str,
        file: impl Into<String>,
        value: impl ToString,
    ) -> Self {
        Self {
            when: When::BeforeStart,
            ..Self::now(controller, file, value)
        }
    }

    pub(crate) fn optional(self) -> Self {
        Self {
            optional: true,
            ..self
        }
    }
}

/// Refuses by name what neither version sets.
pub(crate) fn refuse_unknown(resources: &LinuxResources) -> Result<(), LimitError> {
    let cpu = resources.cpu().as_ref();
    let memory = resources.memory().as_ref();
    let asked = [
        ("blockIO", resources.block_io().is_some()),
        ("network", resources.network().is_some()),
        ("rdma", resources.rdma().is_some()),
        (
            "cpu.realtimeRuntime",
            cpu.is_some_and(|cpu| cpu.realtime_runtime().is_some()),
        ),
        (
            "cpu.realtimePeriod",
            cpu.is_some_and(|cpu| cpu.realtime_period().is_some()),
        ),
        ("cpu.idle", cpu.is_some_and(|cpu| cpu.idle().is_some())),
        ("cpu.burst", cpu.is_some_and(|cpu| cpu.burst().is_some())),
        (
            "memory.kernelTCP",
            memory.is_some_and(|memory| memory.kernel_tcp().is_some()),
        ),
        (
            "memory.disableOOMKiller",
            memory.is_some_and(|memory| memory.disable_oom_killer() == Some(true)),
        ),
    ];
    match asked.iter().find(|(_, asked)| *asked) {
        Some((name, _)) => Err(LimitError::Unsupported((*name).to_owned())),
        None => Ok(()),
    }
}
