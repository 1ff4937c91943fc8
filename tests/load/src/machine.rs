//! The machine, as far as figures depend on it.

use anyhow::{Context, Result};
use std::{fmt, fs, process::Command};

/// What it is made of, and how busy it was.
#[derive(Debug)]
pub(crate) struct Machine {
    processor: String,
    processors: usize,
    kernel: String,
    memory_gib: f64,
    cgroups: &'static str,
    file_system: String,
    load_before: String,
}

impl Machine {
    /// Looks at the machine now, before the load of the measurement itself.
    pub(crate) fn look(data: &std::path::Path) -> Result<Self> {
        Ok(Self {
            processor: field("/proc/cpuinfo", "model name").unwrap_or_default(),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?
                .trim()
                .to_owned(),
            memory_gib: kib("/proc/meminfo", "MemTotal")? / 1024.0 / 1024.0,
            cgroups: cgroups(),
            file_system: file_system(data),
            load_before: load(),
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "Machine: {} × {}, {:.0} GiB, Linux {}, cgroups {}, data on {}.",
            self.processors,
            self.processor,
            self.memory_gib,
            self.kernel,
            self.cgroups,
            self.file_system
        )?;
        write!(
            f,
            "Load average: {} before, {} after.",
            self.load_before,
            load()
        )
    }
}

/// KiB that could be given to programs without swapping.
pub(crate) fn available_kib() -> Result<f64> {
    kib("/proc/meminfo", "MemAvailable")
}

/// A field in KiB of a file like `/proc/meminfo`.
pub(crate) fn kib(file: &str, name: &str) -> Result<f64> {
    let value = field(file, name).with_context(|| format!("no {name} in {file}"))?;
    let number = value.split_whitespace().next().unwrap_or_default();
    number
        .parse()
        .with_context(|| format!("odd {name} in {file}"))
}

/// First line of what a program says about its version.
pub(crate) fn version(program: &str) -> String {
    let output = Command::new(program).arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.ok()
        .and_then(|text| text.lines().next().map(str::to_owned))
        .unwrap_or_else(|| program.to_owned())
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = fields.find(|(key, _)| key.trim() == name)?;
    Some(value.trim().to_owned())
}

fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let three: Vec<_> = text.split_whitespace().take(3).collect();
    three.join(" ")
}

fn cgroups() -> &'static str {
    let exists = |path: &str| fs::metadata(path).is_ok();
    if exists("/sys/fs/cgroup/cgroup.controllers") {
        "v2"
    } else if exists("/sys/fs/cgroup/unified/cgroup.procs") {
        "v1 (hybrid)"
    } else {
        "v1"
    }
}

fn file_system(path: &std::path::Path) -> String {
    let mut stat = Command::new("stat");
    let output = stat.args(["-f", "-c", "%T"]).arg(path).output();
    output.map_or_else(
        |_| "?".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
