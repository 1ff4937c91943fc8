//! Cgroups: limits, OOM, devices.

use std::fs;

use lifepod_shim::{cgroup::Cgroup, protocol::Call};
use serde_json::json;

use crate::support::{Sandbox, machine::cgroup_directories, wait_until};

/// A shell that grows until somebody stops it.
const GROW: &str = "x=0123456789abcdef; while :; do x=$x$x; done";

#[test]
fn a_container_that_grows_too_much_is_oom_killed() {
    let sandbox = Sandbox::start();
    let mut client = sandbox.client();
    let bundle = sandbox.bundle("c", GROW).set(
        "/linux/resources/memory",
        json!({"limit": 16 << 20, "swap": 16 << 20}),
    );
    client.started(Call::Create(sandbox.create_call(&bundle)));
    let record = client.wait_container_exit("c");
    assert_eq!(
        (record.exit_code, record.signal, record.oom_killed),
        (137, Some(9), true)
    );
    sandbox.shut_down();
}

#[test]
fn an_oom_killed_child_does_not_colour_the_end_of_init() {
    let sandbox = Sandbox::start();
    let mut client = sandbox.client();
    let limited = |id: &str, script: &str| {
        sandbox.bundle(id, script).set(
            "/linux/resources/memory",
            json!({"limit": 16 << 20, "swap": 16 << 20}),
        )
    };
    let child = format!("sh -c '{GROW}'; echo child $?; ");
    client.started(Call::Create(
        sandbox.create_call(&limited("clean", &format!("{child} exit 3"))),
    ));
    let clean = client.wait_container_exit("clean");
    assert_eq!((clean.exit_code, clean.oom_killed), (3, false));
    assert_eq!(sandbox.log("clean").last().unwrap().2, "child 137");

    client.started(Call::Create(
        sandbox.create_call(&limited("killed", &format!("{child} sleep 1000"))),
    ));
    wait_until("the child is killed", || {
        sandbox
            .log("killed")
            .iter()
            .any(|(_, _, line)| line == "child 137")
    });
    client.done(Call::Signal {
        container: "killed".to_owned(),
        signal: 9,
        all: false,
    });
    let killed = client.wait_container_exit("killed");
    assert_eq!((killed.exit_code, killed.oom_killed), (137, false));
    sandbox.shut_down();
}

#[test]
fn limits_are_in_the_cgroup_before_the_program_runs() {
    let sandbox = Sandbox::start();
    let mut client = sandbox.client();
    let bundle = sandbox.bundle("c", "sleep 1000").set(
        "/linux/resources",
        json!({"memory": {"limit": 64 << 20}, "cpu": {"shares": 256, "quota": 1000, "period": 100_000},
               "pids": {"limit": 2}, "devices": [{"allow": false, "access": "rwm"}]}),
    );
    let started = client.started(Call::Create(sandbox.create_call(&bundle)));
    let cgroup = Cgroup::new(&format!("{}/c", sandbox.config.cgroup_parent)).unwrap();
    let read = |controller: &str, file: &str| {
        let path = cgroup
            .directory(sandbox.layout(), controller)
            .unwrap()
            .join(file);
        fs::read_to_string(path).unwrap().trim().to_owned()
    };
    if sandbox.layout().is_unified() {
        assert_eq!(read("memory", "memory.max"), (64 << 20).to_string());
        assert_eq!(read("cpu", "cpu.max"), "1000 100000");
    } else {
        assert_eq!(
            read("memory", "memory.limit_in_bytes"),
            (64 << 20).to_string()
        );
        assert_eq!(read("cpu", "cpu.shares"), "256");
        assert_eq!(read("cpu", "cpu.cfs_quota_us"), "1000");
    }
    assert_eq!(read("pids", "pids.max"), "2");
    let alone = |directory: std::path::PathBuf| {
        let processes = fs::read_to_string(directory.join("cgroup.procs")).unwrap();
        processes.trim() == started.pid.to_string()
    };
    wait_until("init is alone in its cgroups", || {
        cgroup.directories(sandbox.layout()).all(alone)
    });
    sandbox.shut_down();
}

#[test]
fn a_memory_limit_too_small_for_the_setup_is_a_failure_and_no_hang() {
    let sandbox = Sandbox::start();
    let mut client = sandbox.client();
    let bundle = sandbox.bundle("c", "exit 0").set(
        "/linux/resources/memory",
        json!({"limit": 64 << 10, "swap": 64 << 10}),
    );
    let failure = client.failure(Call::Create(sandbox.create_call(&bundle)));
    assert!(failure.message.contains("memory limit"), "{failure}");
    assert_eq!(
        cgroup_directories(&format!("{}/c", sandbox.config.cgroup_parent)),
        Vec::<std::path::PathBuf>::new()
    );
    sandbox.shut_down();
}

#[test]
fn devices_not_granted_can_be_made_but_not_opened() {
    let sandbox = Sandbox::start();
    // Character device 1:11 is the kernel log, 1:3 is null.
    let script = "mknod /dev/log c 1 11 && mknod /dev/own-null c 1 3 && echo x > /dev/own-null && echo null; \
                  head -c1 /dev/log || echo denied";
    assert_eq!(sandbox.run_to_end("c", script).exit_code, 0);
    let lines: Vec<String> = sandbox
        .log("c")
        .into_iter()
        .map(|(_, _, line)| line)
        .collect();
    assert!(lines.contains(&"null".to_owned()), "{lines:?}");
    assert!(
        lines
            .iter()
            .any(|line| line.contains("Operation not permitted")),
        "{lines:?}"
    );
    assert!(lines.contains(&"denied".to_owned()), "{lines:?}");
    sandbox.shut_down();
}

#[test]
fn the_container_sees_its_own_cgroup_read_only() {
    let sandbox = Sandbox::start();
    let script = "find /sys/fs/cgroup -maxdepth 2 -name cgroup.procs | while read f; do cat $f; done | sort -u; \
                  mkdir $(dirname $(find /sys/fs/cgroup -maxdepth 2 -name cgroup.procs | head -1))/x || echo read-only";
    assert_eq!(sandbox.run_to_end("c", script).exit_code, 0);
    let lines: Vec<String> = sandbox
        .log("c")
        .into_iter()
        .map(|(_, _, line)| line)
        .collect();
    assert!(
        lines.contains(&"1".to_owned()),
        "its own init is in there: {lines:?}"
    );
    assert!(lines.contains(&"read-only".to_owned()), "{lines:?}");
    sandbox.shut_down();
}
