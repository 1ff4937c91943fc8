//! What every tool runs: one program in one small container.
//!
//! Lifepod, podman and containerd get image, program and limits and make the bundle themselves.
//! The plain OCI runtimes get this bundle, with the mounts, masks and capabilities that Lifepod
//! gives its containers, new namespaces of every kind, and a root file system that lies ready.

use anyhow::{Context, Result, ensure};
use lifepod_tests::fixtures::Image;
use serde_json::{Value, json};
use std::{fs, path::Path, process::Command};

/// Waits without using time, and ends at SIGTERM. A shell, because the first process of a pid
/// namespace is only reached by signals that it handles.
pub(crate) const PROGRAM: [&str; 3] = [
    "sh",
    "-c",
    "trap 'exit 0' TERM; mkfifo /run/wake; while :; do read x <>/run/wake; done",
];
/// Limits of every container, as Kubernetes writes them and as kernels count them.
pub(crate) const CPU: &str = "1";
pub(crate) const MEMORY: &str = "64Mi";
pub(crate) const MEMORY_BYTES: u64 = 64 << 20;
pub(crate) const CPU_PERIOD_US: u64 = 100_000;

const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const CAPABILITIES: [&str; 14] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
];
const MASKED: [&str; 10] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
];
const READ_ONLY: [&str; 5] = [
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
];

/// Unpacks the image's layers, lowest first.
pub(crate) fn unpack(image: &Image, rootfs: &Path) -> Result<()> {
    let blob = |digest: &Value| -> Result<_> {
        let digest = digest.as_str().context("no digest")?;
        Ok(image.folder().join("blobs").join(digest.replace(':', "/")))
    };
    let read = |digest: &Value| -> Result<Value> {
        Ok(serde_json::from_slice(&fs::read(blob(digest)?)?)?)
    };
    fs::create_dir_all(rootfs)?;
    let manifest = read(&json!(image.digest))?;
    for layer in manifest["layers"].as_array().context("no layers")? {
        let status = Command::new("tar")
            .arg("-xzf")
            .arg(blob(&layer["digest"])?)
            .arg("-C")
            .arg(rootfs)
            .status()?;
        ensure!(status.success(), "cannot unpack the image");
    }
    Ok(())
}

/// Writes the bundle of container `id`, whose cgroup is `<cgroup>/<id>`.
pub(crate) fn write(folder: &Path, rootfs: &Path, cgroup: &str, id: &str) -> Result<()> {
    let namespaces = ["pid", "mount", "network", "ipc", "uts"].map(|kind| json!({"type": kind}));
    let config = json!({
        "ociVersion": "1.0.2",
        "root": { "path": rootfs, "readonly": false },
        "hostname": id,
        "process": {
            "terminal": false,
            "user": { "uid": 0, "gid": 0, "additionalGids": [0] },
            "args": PROGRAM,
            "env": [PATH, format!("HOSTNAME={id}"), "HOME=/root"],
            "cwd": "/",
            "capabilities": {
                "bounding": CAPABILITIES, "effective": CAPABILITIES, "permitted": CAPABILITIES,
            },
            "noNewPrivileges": false,
        },
        "mounts": mounts(rootfs),
        "linux": {
            "namespaces": namespaces,
            "cgroupsPath": format!("/{cgroup}/{id}"),
            "resources": {
                "cpu": { "shares": 1024, "period": CPU_PERIOD_US, "quota": CPU_PERIOD_US },
                "memory": { "limit": MEMORY_BYTES },
                "devices": [{ "allow": false, "access": "rwm" }],
            },
            "maskedPaths": MASKED,
            "readonlyPaths": READ_ONLY,
        },
    });
    fs::create_dir_all(folder)?;
    Ok(fs::write(folder.join("config.json"), config.to_string())?)
}

fn mounts(rootfs: &Path) -> Vec<Value> {
    let mount = |destination: &str, kind: &str, options: &[&str]| json!({ "destination": destination, "type": kind, "source": kind, "options": options });
    let mut all = vec![
        mount("/proc", "proc", &["nosuid", "noexec", "nodev"]),
        mount(
            "/dev",
            "tmpfs",
            &["nosuid", "strictatime", "mode=755", "size=65536k"],
        ),
        mount(
            "/dev/pts",
            "devpts",
            &[
                "nosuid",
                "noexec",
                "newinstance",
                "ptmxmode=0666",
                "mode=0620",
                "gid=5",
            ],
        ),
        mount(
            "/dev/shm",
            "tmpfs",
            &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
        ),
        mount("/dev/mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
        mount("/sys", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
        mount(
            "/sys/fs/cgroup",
            "cgroup",
            &["nosuid", "noexec", "nodev", "relatime", "ro"],
        ),
    ];
    // Stand for hosts, hostname, resolver and termination message.
    for file in ["passwd", "group"] {
        all.push(json!({
            "destination": format!("/etc/{file}"), "type": "bind",
            "source": rootfs.join("etc").join(file), "options": ["rbind", "rprivate", "rw"],
        }));
    }
    all
}
