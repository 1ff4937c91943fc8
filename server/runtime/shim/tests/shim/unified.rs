//! The other cgroup version.
//!
//! On a machine with cgroup v1 the tests that do not need a controller run once more, in a mount
//! namespace where only the v2 hierarchy can be seen.

use std::{env, fs, process::Command};

use lifepod_shim::{
    cgroup::{Cgroup, Layout},
    protocol::Call,
};
use serde_json::json;

use crate::support::{Sandbox, wait_until};

/// Together they make, limit, enter, kill and remove cgroups in every way the shim does.
const AGAIN: [&str; 8] = [
    "lifecycle::a_name_is_taken",
    "lifecycle::a_program_that_cannot_start",
    "lifecycle::a_signal_reaches",
    "lifecycle::a_container_in_the_host_s_pid_namespace",
    "limits::devices_not_granted",
    "limits::the_container_sees_its_own_cgroup",
    "exec::an_exec_runs_as_the_container_does",
    "unified::a_container_with_cgroups_of_its_own",
];

#[test]
fn everything_works_on_cgroup_v2_too() {
    if Layout::detect().unwrap().is_unified() {
        // Then every test has just shown it.
        return;
    }
    let script =
        "mount --make-rprivate / && mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec \"$0\" \"$@\"";
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", script])
        .arg(env::current_exe().unwrap())
        .args(AGAIN)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains(&format!("{} passed", AGAIN.len())), "{text}");
}

#[test]
fn a_container_with_cgroups_of_its_own_can_be_joined_and_removed() {
    let sandbox = Sandbox::start();
    let mut client = sandbox.client();
    let script = "cd $(dirname $(find /sys/fs/cgroup -maxdepth 2 -name cgroup.procs | head -1)) && mkdir own && \
                  echo 1 > own/cgroup.procs && for c in $(cat cgroup.controllers); do echo +$c > cgroup.subtree_control; \
                  done; echo ready; sleep 1000";
    let mut bundle = sandbox.bundle("c", script);
    for mount in bundle.config["mounts"].as_array_mut().unwrap() {
        if mount["type"] == "cgroup" {
            mount["options"] = json!(["nosuid", "noexec", "nodev"]);
        }
    }
    let init = client.started(Call::Create(sandbox.create_call(&bundle)));
    wait_until("it has moved", || {
        sandbox.log("c").iter().any(|(_, _, line)| line == "ready")
    });
    let started = client.exec("e", &["sleep", "1000"]);
    let own = Cgroup::new(&format!("{}/c", sandbox.config.cgroup_parent)).unwrap();
    let inside = |pid: i32| {
        let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
        let path = format!("/{}", own.relative().display());
        text.lines().any(|line| {
            line.rsplit(':')
                .next()
                .is_some_and(|cgroup| cgroup.starts_with(&path))
        })
    };
    assert!(inside(init.pid) && inside(started.pid));
    client.done(Call::Delete {
        container: "c".to_owned(),
    });
    sandbox.shut_down();
}
