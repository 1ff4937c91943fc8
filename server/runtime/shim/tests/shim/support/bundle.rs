//! OCI bundles around busybox.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use lifepod_shim::{SandboxConfig, protocol::Ready};
use serde_json::{Value, json};

/// A bundle to be changed and then written.
pub(crate) struct Bundle {
    pub(crate) id: String,
    pub(crate) config: Value,
    directory: PathBuf,
}

impl Bundle {
    pub(crate) fn new(
        base: &Path,
        sandbox: &SandboxConfig,
        ready: &Ready,
        id: &str,
        args: &[&str],
    ) -> Self {
        let rootfs = base.join("rootfs");
        if !rootfs.exists() {
            make_rootfs(&rootfs);
        }
        let mut namespaces = vec![json!({"type": "mount"}), json!({"type": "pid"})];
        for (kind, path) in [
            ("network", &ready.namespaces.net),
            ("ipc", &ready.namespaces.ipc),
            ("uts", &ready.namespaces.uts),
        ] {
            if let Some(path) = path {
                namespaces.push(json!({"type": kind, "path": path}));
            }
        }
        Self {
            id: id.to_owned(),
            config: json!({
                "ociVersion": "1.0.2",
                "root": {"path": rootfs},
                "process": process(args),
                "mounts": mounts(),
                "linux": {
                    "cgroupsPath": format!("{}/{id}", sandbox.cgroup_parent),
                    "namespaces": namespaces,
                    "resources": {"devices": [{"allow": false, "access": "rwm"}]},
                    "maskedPaths": ["/proc/kcore", "/proc/keys", "/sys/firmware"],
                    "readonlyPaths": ["/proc/sys", "/proc/sysrq-trigger"],
                },
            }),
            directory: base.join(format!("bundle-{id}")),
        }
    }

    /// Changes one value by JSON pointer, making it if it is new.
    pub(crate) fn set(mut self, pointer: &str, value: Value) -> Self {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = self.config.pointer_mut(parent).unwrap();
        parent[name] = value;
        self
    }

    pub(crate) fn write(&self) -> PathBuf {
        fs::create_dir_all(&self.directory).unwrap();
        fs::write(
            self.directory.join("config.json"),
            serde_json::to_vec(&self.config).unwrap(),
        )
        .unwrap();
        self.directory.clone()
    }

    pub(crate) fn rootfs(&self) -> PathBuf {
        PathBuf::from(self.config["root"]["path"].as_str().unwrap())
    }
}

fn process(args: &[&str]) -> Value {
    let capabilities = json!([
        "CAP_CHOWN",
        "CAP_KILL",
        "CAP_SETUID",
        "CAP_SETGID",
        "CAP_MKNOD",
        "CAP_NET_BIND_SERVICE"
    ]);
    json!({
        "args": args,
        "cwd": "/",
        "user": {"uid": 0, "gid": 0},
        "env": ["PATH=/bin", "FROM_SPEC=yes"],
        "noNewPrivileges": true,
        "oomScoreAdj": 1000,
        "capabilities": {"bounding": capabilities, "effective": capabilities, "permitted": capabilities},
    })
}

fn mounts() -> Value {
    json!([
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
         "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
        {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
         "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]},
        {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
        {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
         "options": ["nosuid", "noexec", "nodev", "relatime", "ro"]},
        {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["mode=1777"]},
    ])
}

fn make_rootfs(rootfs: &Path) {
    for directory in ["bin", "proc", "sys", "dev", "tmp", "etc", "root"] {
        fs::create_dir_all(rootfs.join(directory)).unwrap();
    }
    let busybox = ["/bin/busybox", "/usr/bin/busybox"]
        .iter()
        .map(Path::new)
        .find(|path| path.exists());
    let busybox = busybox.expect("these tests need busybox-static");
    fs::copy(busybox, rootfs.join("bin/busybox")).unwrap();
    let applets = Command::new(busybox).arg("--list").output().unwrap();
    for applet in String::from_utf8(applets.stdout)
        .unwrap()
        .lines()
        .filter(|name| *name != "busybox")
    {
        symlink("busybox", rootfs.join("bin").join(applet)).unwrap();
    }
    fs::write(
        rootfs.join("etc/passwd"),
        "root:x:0:0:root:/root:/bin/sh\nme:x:1000:1000::/tmp:/bin/sh\n",
    )
    .unwrap();
    fs::write(rootfs.join("bin/not-executable"), "x").unwrap();
}
