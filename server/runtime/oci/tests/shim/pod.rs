//! A sandbox whose shim was started by a [`ShimHandle`].

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::{Duration, Instant},
};

use lifepod_oci::shim::{ShimError, ShimEvent, ShimEvents, ShimHandle, kill_leftovers};
use lifepod_shim::{
    ExitRecord, SandboxConfig, SandboxDir,
    protocol::{CreateContainer, Started, State},
};
use rustix::{
    fs::CWD,
    mount::{OpenTreeFlags, open_tree},
};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) struct Pod {
    temp: TempDir,
    pub(crate) dir: SandboxDir,
    pub(crate) config: SandboxConfig,
    pub(crate) shim: ShimHandle,
    pub(crate) state: State,
}

impl Pod {
    pub(crate) async fn start() -> (Self, ShimEvents) {
        Self::start_by(program()).await
    }

    pub(crate) async fn start_by(program: &Path) -> (Self, ShimEvents) {
        assert!(
            rustix::process::geteuid().is_root(),
            "these tests make containers: run them as root"
        );
        let temp = tempfile::tempdir().unwrap();
        let name = temp
            .path()
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .trim_start_matches('.')
            .to_owned();
        let dir = SandboxDir::new(temp.path().join("sandbox"));
        std::fs::create_dir(dir.path()).unwrap();
        let config = SandboxConfig {
            id: name.clone(),
            cgroup_parent: format!("/lifepod-test-oci/{name}"),
            ..SandboxConfig::default()
        };
        let (shim, state, events) = ShimHandle::spawn(program, &dir, &config).await.unwrap();
        (
            Self {
                temp,
                dir,
                config,
                shim,
                state,
            },
            events,
        )
    }

    /// Creates and starts a container that runs a shell command.
    pub(crate) async fn run(&self, id: &str, script: &str) -> Result<Started, ShimError> {
        let container = self.container(id, script);
        let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
        let rootfs = open_tree(CWD, self.temp.path().join("rootfs"), flags).unwrap();
        self.shim.create_on(rootfs, container).await
    }

    /// A request that runs a shell command.
    fn container(&self, id: &str, script: &str) -> CreateContainer {
        let bundle = self.temp.path().join(format!("bundle-{id}"));
        std::fs::create_dir(&bundle).unwrap();
        let config = self.bundle(id, script);
        std::fs::write(
            bundle.join("config.json"),
            serde_json::to_vec(&config).unwrap(),
        )
        .unwrap();
        CreateContainer {
            rootfs: false,
            id: id.to_owned(),
            bundle,
            log: Some(self.temp.path().join(format!("{id}.log"))),
            stdin: false,
            stdin_once: false,
        }
    }

    fn bundle(&self, id: &str, script: &str) -> Value {
        let namespaces = &self.state.namespaces;
        json!({
            "ociVersion": "1.0.2",
            "root": {"path": rootfs(self.temp.path())},
            "process": {"args": ["/bin/busybox", "sh", "-c", script], "cwd": "/", "env": ["PATH=/bin"],
                        "user": {"uid": 0, "gid": 0}},
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"]},
                {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
                 "options": ["newinstance", "ptmxmode=0666", "mode=0620"]},
            ],
            "linux": {
                "cgroupsPath": format!("{}/{id}", self.config.cgroup_parent),
                "namespaces": [{"type": "mount"}, {"type": "pid"},
                    {"type": "network", "path": namespaces.net}, {"type": "ipc", "path": namespaces.ipc},
                    {"type": "uts", "path": namespaces.uts}],
            },
        })
    }

    pub(crate) async fn shut_down(self) {
        self.shim.shutdown().await.unwrap();
        wait_until("the shim is gone", || !alive(self.state.pid)).await;
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        let Some(pid) =
            rustix::process::Pid::from_raw(self.state.pid).filter(|_| alive(self.state.pid))
        else {
            return;
        };
        // The test failed.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        let (dir, cgroup) = (self.dir.clone(), self.config.cgroup_parent.clone());
        let cleaner = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(kill_leftovers(&dir, &cgroup))
        });
        let _ = cleaner.join();
    }
}

fn rootfs(base: &Path) -> PathBuf {
    let rootfs = base.join("rootfs");
    for directory in ["bin", "proc", "dev"] {
        std::fs::create_dir_all(rootfs.join(directory)).unwrap();
    }
    if rootfs.join("bin/busybox").exists() {
        // It may be running: then it cannot be written.
        return rootfs;
    }
    let busybox = ["/bin/busybox", "/usr/bin/busybox"]
        .iter()
        .find(|path| Path::new(path).exists());
    std::fs::copy(
        busybox.expect("these tests need busybox-static"),
        rootfs.join("bin/busybox"),
    )
    .unwrap();
    rootfs
}

/// The shim of this build. Another package's program is not built for our tests, so it is built here.
pub(crate) fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let test = env::current_exe().unwrap();
        let profile = test.parent().and_then(Path::parent).unwrap();
        let mut build = Command::new(env!("CARGO"));
        build.args([
            "build",
            "--quiet",
            "--package",
            "lifepod-shim",
            "--bin",
            "lifepod-shim",
            "--target-dir",
        ]);
        build.arg(profile.parent().unwrap());
        if profile.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().unwrap().success(), "cannot build the shim");
        profile.join("lifepod-shim")
    })
}

pub(crate) async fn next_exit(events: &mut ShimEvents) -> ExitRecord {
    match tokio::time::timeout(DEADLINE, events.next())
        .await
        .expect("an event comes")
    {
        ShimEvent::ContainerExited(record) => record,
        ShimEvent::Lost => panic!("the shim is gone"),
    }
}

pub(crate) fn alive(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// Waits for a condition; panics with its name when it does not come.
pub(crate) async fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < until, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
