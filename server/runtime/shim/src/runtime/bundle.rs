//! What the shim itself needs to know of a bundle. libcontainer reads the rest in the child.

use std::path::{Path, PathBuf};

use lifepod_shim::protocol::{ErrorCode, Failure, ProcessUser, TerminalSize};
use oci_spec::runtime::LinuxResources;
use rustix::thread::ThreadNameSpaceType;
use serde::{Deserialize, de::IgnoredAny};

use super::privileges::{Capabilities, Limit};

/// The parts of `config.json` that matter before and after libcontainer.
pub(crate) struct Bundle {
    /// Where the container's cgroup is to be.
    pub(crate) cgroup_path: String,
    /// Its limits.
    pub(crate) resources: Option<LinuxResources>,
    /// A terminal is wanted, of this size if given.
    pub(crate) terminal: Option<Option<TerminalSize>>,
    /// The container's processes die with its init.
    pub(crate) own_pid_namespace: bool,
    /// What execs inherit.
    pub(crate) profile: Profile,
}

/// How programs run in the container, kept for execs.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    pub(crate) env: Vec<String>,
    pub(crate) cwd: PathBuf,
    pub(crate) user: ProcessUser,
    pub(crate) umask: Option<u32>,
    pub(crate) capabilities: Capabilities,
    pub(crate) limits: Vec<Limit>,
    pub(crate) no_new_privileges: bool,
    pub(crate) oom_score_adj: i32,
    /// Namespaces that differ from the shim's.
    pub(crate) namespaces: ThreadNameSpaceType,
}

impl Bundle {
    /// Reads `config.json`.
    pub(crate) fn load(directory: &Path) -> Result<Self, Failure> {
        let path = directory.join("config.json");
        let bytes = std::fs::read(&path).map_err(|error| {
            Failure::new(
                ErrorCode::InvalidRequest,
                format!("cannot read `{}`: {error}", path.display()),
            )
        })?;
        let config: Config = serde_json::from_slice(&bytes).map_err(|error| {
            Failure::new(
                ErrorCode::InvalidRequest,
                format!("cannot read `{}`: {error}", path.display()),
            )
        })?;
        config.refuse_unsupported()?;
        config.into_bundle()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    process: Process,
    linux: Linux,
    #[serde(default)]
    hooks: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Process {
    #[serde(default)]
    terminal: bool,
    #[serde(default)]
    console_size: Option<TerminalSize>,
    #[serde(default)]
    user: User,
    #[serde(default)]
    env: Vec<String>,
    cwd: PathBuf,
    #[serde(default)]
    capabilities: Option<Capabilities>,
    #[serde(default)]
    rlimits: Vec<Limit>,
    #[serde(default)]
    no_new_privileges: bool,
    #[serde(default)]
    oom_score_adj: Option<i32>,
    #[serde(default)]
    apparmor_profile: Option<IgnoredAny>,
    #[serde(default)]
    selinux_label: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    #[serde(default)]
    uid: u32,
    #[serde(default)]
    gid: u32,
    #[serde(default)]
    additional_gids: Vec<u32>,
    #[serde(default)]
    umask: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Linux {
    #[serde(default)]
    cgroups_path: Option<String>,
    #[serde(default)]
    resources: Option<LinuxResources>,
    #[serde(default)]
    namespaces: Vec<Namespace>,
    #[serde(default)]
    seccomp: Option<IgnoredAny>,
    #[serde(default)]
    mount_label: Option<IgnoredAny>,
    #[serde(default)]
    intel_rdt: Option<IgnoredAny>,
    #[serde(default)]
    net_devices: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Namespace {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    path: Option<PathBuf>,
}

impl Config {
    /// libcontainer would leave some of these out without a word, others would not reach execs.
    fn refuse_unsupported(&self) -> Result<(), Failure> {
        let has = |kind: &str| {
            self.linux
                .namespaces
                .iter()
                .any(|namespace| namespace.kind == kind)
        };
        let asked = [
            ("linux.seccomp", self.linux.seccomp.is_some()),
            (
                "process.apparmorProfile",
                self.process.apparmor_profile.is_some(),
            ),
            ("process.selinuxLabel", self.process.selinux_label.is_some()),
            ("linux.mountLabel", self.linux.mount_label.is_some()),
            ("linux.intelRdt", self.linux.intel_rdt.is_some()),
            ("linux.netDevices", self.linux.net_devices.is_some()),
            ("hooks", self.hooks.is_some()),
            ("a user namespace", has("user")),
            ("a time namespace", has("time")),
            ("the host's mount namespace", !has("mount")),
        ];
        match asked.iter().find(|(_, asked)| *asked) {
            Some((name, _)) => Err(Failure::new(
                ErrorCode::Unsupported,
                format!("{name} is not supported"),
            )),
            None => Ok(()),
        }
    }

    fn into_bundle(self) -> Result<Bundle, Failure> {
        let Some(cgroup_path) = self.linux.cgroups_path else {
            return Err(Failure::new(
                ErrorCode::InvalidRequest,
                "the bundle has no linux.cgroupsPath",
            ));
        };
        let own = |kind: &str| {
            self.linux
                .namespaces
                .iter()
                .any(|ns| ns.kind == kind && ns.path.is_none())
        };
        Ok(Bundle {
            cgroup_path,
            resources: self.linux.resources,
            terminal: self.process.terminal.then_some(self.process.console_size),
            own_pid_namespace: own("pid"),
            profile: Profile {
                env: self.process.env,
                cwd: self.process.cwd,
                user: ProcessUser {
                    uid: self.process.user.uid,
                    gid: self.process.user.gid,
                    additional_gids: self.process.user.additional_gids,
                },
                umask: self.process.user.umask,
                capabilities: self.process.capabilities.unwrap_or_default(),
                limits: self.process.rlimits,
                no_new_privileges: self.process.no_new_privileges,
                oom_score_adj: self.process.oom_score_adj.unwrap_or(0),
                namespaces: namespace_types(&self.linux.namespaces),
            },
        })
    }
}

fn namespace_types(namespaces: &[Namespace]) -> ThreadNameSpaceType {
    let known = |kind: &str| match kind {
        "pid" => ThreadNameSpaceType::PROCESS_ID,
        "network" => ThreadNameSpaceType::NETWORK,
        "ipc" => ThreadNameSpaceType::INTER_PROCESS_COMMUNICATION,
        "uts" => ThreadNameSpaceType::HOST_NAME_AND_NIS_DOMAIN_NAME,
        "mount" => ThreadNameSpaceType::MOUNT,
        "cgroup" => ThreadNameSpaceType::CONTROL_GROUP,
        _ => ThreadNameSpaceType::empty(),
    };
    namespaces
        .iter()
        .map(|namespace| known(&namespace.kind))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Bundle, Failure> {
        let config: Config = serde_json::from_str(json).unwrap();
        config.refuse_unsupported()?;
        config.into_bundle()
    }

    #[test]
    fn a_security_feature_that_would_be_dropped_is_refused_by_name() {
        let json = r#"{"process":{"cwd":"/"},"linux":{"cgroupsPath":"/a/b","namespaces":[{"type":"mount"}],
            "seccomp":{"defaultAction":"SCMP_ACT_ALLOW"}}}"#;
        let failure = parse(json).err().unwrap();
        assert_eq!(failure.code, ErrorCode::Unsupported);
        assert_eq!(failure.message, "linux.seccomp is not supported");
    }

    #[test]
    fn a_shared_pid_namespace_is_told_from_an_own_one() {
        let with = |pid: &str| {
            let json = format!(
                r#"{{"process":{{"cwd":"/","terminal":true}},"linux":{{"cgroupsPath":"/a/b",
                    "namespaces":[{{"type":"mount"}}{pid}]}}}}"#
            );
            parse(&json).unwrap()
        };
        assert!(with(r#",{"type":"pid"}"#).own_pid_namespace);
        assert!(!with(r#",{"type":"pid","path":"/proc/1/ns/pid"}"#).own_pid_namespace);
        assert!(!with("").own_pid_namespace);
        assert_eq!(with("").terminal, Some(None));
    }
}
