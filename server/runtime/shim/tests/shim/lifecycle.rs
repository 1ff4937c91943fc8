//! Containers from creation to exit record.

use std::{fs, os::unix::fs::MetadataExt};

use lifepod_shim::{
    ExitRecord,
    protocol::{Call, ContainerStatus, ErrorCode},
};
use serde_json::json;

use crate::support::{Sandbox, alive, wait_until};

fn signal(container: &str, signal: i32, all: bool) -> Call {
    Call::Signal {
        container: container.to_owned(),
        signal,
        all,
    }
}

fn delete(container: &str) -> Call {
    Call::Delete {
        container: container.to_owned(),
    }
}

#[test]
fn exit_codes_are_told_and_recorded() {
    let sandbox = Sandbox::start();
    for (id, script, code) in [
        ("zero", "exit 0", 0),
        ("three", "exit 3", 3),
        ("dies", "sh -c 'kill -TERM $$'; exit $?", 143),
    ] {
        let record = sandbox.run_to_end(id, script);
        assert_eq!(
            (record.exit_code, record.signal, record.oom_killed),
            (code, None, false),
            "{id}"
        );
        assert!(record.finished_at >= record.started_at);
        wait_until("the record is on disk", || {
            ExitRecord::load_all(&sandbox.dir)
                .unwrap()
                .contains(&record)
        });
    }
    sandbox.shut_down();
}

#[test]
fn a_container_runs_until_it_is_killed() {
    let sandbox = Sandbox::start();
    let mut client = sandbox.client();
    let started = sandbox.run(&mut client, "c", "sleep 1000");
    assert_eq!(client.status("c"), Some(ContainerStatus::Running(started)));
    client.done(signal("c", 9, false));
    let record = client.wait_container_exit("c");
    assert_eq!(
        (record.pid, record.exit_code, record.signal),
        (started.pid, 137, Some(9))
    );
    assert!(!record.oom_killed);
    assert_eq!(client.status("c"), Some(ContainerStatus::Exited(record)));
    assert_eq!(
        client.failure(signal("c", 9, false)).code,
        ErrorCode::NotRunning
    );
    assert_eq!(
        client.failure(signal("nobody", 9, false)).code,
        ErrorCode::NotFound
    );
    assert_eq!(
        client.failure(signal("c", 65, false)).code,
        ErrorCode::InvalidRequest
    );
    sandbox.shut_down();
}

#[test]
fn a_signal_reaches_init_or_everybody() {
    let sandbox = Sandbox::start();
    let mut client = sandbox.client();
    let script = "trap 'echo init' USR1; sh -c 'trap \"echo child\" USR1; echo up; while :; do sleep 0.05; done' & \
                  echo up; while :; do sleep 0.05; done";
    sandbox.run(&mut client, "c", script);
    let lines = |text: &str| {
        sandbox
            .log("c")
            .iter()
            .filter(|(_, _, line)| line == text)
            .count()
    };
    // A shell that has not set its trap yet would die of the signal.
    wait_until("both run", || lines("up") == 2);
    client.done(signal("c", libc::SIGUSR1, false));
    wait_until("init got it", || lines("init") == 1);
    // The shells' sleeps die of it, which is fine: they are in the container too.
    wait_until("the child got it", || {
        client.done(signal("c", libc::SIGUSR1, true));
        lines("child") >= 1
    });
    sandbox.shut_down();
}

#[test]
fn a_program_that_cannot_start_is_named_and_leaves_nothing() {
    let sandbox = Sandbox::start();
    let mut client = sandbox.client();
    for (name, code, text) in [
        (
            "no-such",
            ErrorCode::ExecutableNotFound,
            "exec: \"no-such\": executable file not found in $PATH",
        ),
        (
            "/bin/no-such",
            ErrorCode::ExecutableNotFound,
            "exec: \"/bin/no-such\": no such file or directory",
        ),
        (
            "/bin/not-executable",
            ErrorCode::ExecutableNotPermitted,
            "exec: \"/bin/not-executable\": permission denied",
        ),
    ] {
        let bundle = sandbox.bundle("c", "").set("/process/args", json!([name]));
        let failure = client.failure(Call::Create(sandbox.create_call(&bundle)));
        assert_eq!((failure.code, failure.message.as_str()), (code, text));
        assert_eq!(client.status("c"), None);
    }
    let bundle = sandbox.bundle("c", "").set("/root/path", json!("/nowhere"));
    let failure = client.failure(Call::Create(sandbox.create_call(&bundle)));
    assert_eq!(failure.code, ErrorCode::StartFailed);
    assert!(failure.message.contains("root file system"), "{failure}");
    assert_eq!(
        sandbox.run_to_end("c", "exit 4").exit_code,
        4,
        "the name is free again"
    );
    sandbox.shut_down();
}

#[test]
fn what_cannot_be_honoured_is_refused() {
    let sandbox = Sandbox::start();
    let mut client = sandbox.client();
    let mut refused = |pointer: &str, value: serde_json::Value| {
        let bundle = sandbox.bundle("c", "exit 0").set(pointer, value);
        client.failure(Call::Create(sandbox.create_call(&bundle)))
    };
    let seccomp = refused("/linux/seccomp", json!({"defaultAction": "SCMP_ACT_ALLOW"}));
    assert_eq!(
        (seccomp.code, seccomp.message.as_str()),
        (ErrorCode::Unsupported, "linux.seccomp is not supported")
    );
    let weight = refused("/linux/resources/blockIO", json!({"weight": 10}));
    assert_eq!(weight.code, ErrorCode::Unsupported);
    let elsewhere = refused("/linux/cgroupsPath", json!("/somewhere/else"));
    assert_eq!(elsewhere.code, ErrorCode::InvalidRequest);
    sandbox.shut_down();
}

#[test]
fn a_name_is_taken_until_it_is_deleted_and_deleting_twice_is_fine() {
    let sandbox = Sandbox::start();
    let mut client = sandbox.client();
    let started = sandbox.run(&mut client, "c", "sleep 1000");
    let again = client.failure(Call::Create(
        sandbox.create_call(&sandbox.bundle("c", "exit 0")),
    ));
    assert_eq!(again.code, ErrorCode::AlreadyExists);
    client.done(delete("c"));
    assert!(!alive(started.pid));
    assert_eq!(
        client.wait_container_exit("c").exit_code,
        137,
        "a deleted container ends before it is gone"
    );
    assert_eq!(client.status("c"), None);
    assert_eq!(ExitRecord::load_all(&sandbox.dir).unwrap(), vec![]);
    client.done(delete("c"));
    client.done(delete("never-was"));
    assert_eq!(sandbox.run_to_end("c", "exit 6").exit_code, 6);
    sandbox.shut_down();
}

#[test]
fn the_container_is_what_the_bundle_says() {
    let sandbox = Sandbox::start();
    let script = "hostname; id -u; id -g; id -G; pwd; echo $FROM_SPEC $HOME; grep -E 'NoNewPrivs|CapEff|CapBnd' \
                  /proc/self/status; ls /proc/self/fd | wc -l; grep SigIgn /proc/self/status; cat /proc/self/oom_score_adj";
    let bundle = sandbox
        .bundle("c", script)
        .set(
            "/process/user",
            json!({"uid": 1000, "gid": 1000, "additionalGids": [7, 8]}),
        )
        .set("/process/cwd", json!("/tmp"));
    let mut client = sandbox.client();
    client.started(Call::Create(sandbox.create_call(&bundle)));
    assert_eq!(client.wait_container_exit("c").exit_code, 0);
    let lines: Vec<String> = sandbox
        .log("c")
        .into_iter()
        .map(|(_, _, line)| line)
        .collect();
    assert_eq!(
        lines[..6],
        ["pod-name", "1000", "1000", "1000 7 8", "/tmp", "yes /tmp"]
    );
    // CHOWN, KILL, SETGID, SETUID, NET_BIND_SERVICE, MKNOD; without ambient ones a user has none in effect.
    assert_eq!(
        lines[6].split_whitespace().collect::<Vec<_>>(),
        ["CapEff:", "0000000000000000"]
    );
    assert_eq!(
        lines[7].split_whitespace().collect::<Vec<_>>(),
        ["CapBnd:", "00000000080004e1"]
    );
    assert_eq!(
        lines[8].split_whitespace().collect::<Vec<_>>(),
        ["NoNewPrivs:", "1"]
    );
    assert_eq!(
        lines[9], "4",
        "stdin, stdout, stderr and the listed directory: nothing of the host is open"
    );
    assert_eq!(
        lines[10].split_whitespace().collect::<Vec<_>>(),
        ["SigIgn:", "0000000000000000"]
    );
    assert_eq!(lines[11], "1000");
    sandbox.shut_down();
}

#[test]
fn containers_of_a_pod_share_the_sandbox_and_nothing_of_the_host() {
    let sandbox = Sandbox::start();
    let namespace = |pid: &str, name: &str| {
        fs::metadata(format!("/proc/{pid}/ns/{name}"))
            .unwrap()
            .ino()
    };
    let mut client = sandbox.client();
    let (one, two) = (
        sandbox.run(&mut client, "one", "sleep 1000"),
        sandbox.run(&mut client, "two", "sleep 1000"),
    );
    let shim = sandbox.ready.pid.to_string();
    for name in ["net", "ipc", "uts"] {
        assert_ne!(namespace(&shim, name), namespace("self", name), "{name}");
        for pid in [one.pid, two.pid] {
            assert_eq!(
                namespace(&pid.to_string(), name),
                namespace(&shim, name),
                "{name}"
            );
        }
    }
    for name in ["pid", "mnt"] {
        assert_ne!(
            namespace(&one.pid.to_string(), name),
            namespace(&two.pid.to_string(), name),
            "{name}"
        );
    }
    assert_eq!(namespace(&shim, "pid"), namespace("self", "pid"));
    assert_ne!(namespace(&shim, "mnt"), namespace("self", "mnt"));
    assert_eq!(
        sandbox
            .run_to_end("lo", "ip -o addr show lo | grep -q 'inet 127.0.0.1/8'")
            .exit_code,
        0
    );
    sandbox.shut_down();
}

#[test]
fn a_container_in_the_host_s_pid_namespace_leaves_no_orphans() {
    let sandbox = Sandbox::start();
    let mut client = sandbox.client();
    let mut bundle = sandbox.bundle("c", "sleep 1000 & echo $!; exit 2");
    bundle.config["linux"]["namespaces"]
        .as_array_mut()
        .unwrap()
        .retain(|ns| ns["type"] != "pid");
    client.started(Call::Create(sandbox.create_call(&bundle)));
    assert_eq!(client.wait_container_exit("c").exit_code, 2);
    let orphan: i32 = sandbox.log("c")[0].2.parse().unwrap();
    wait_until("the orphan is killed", || !alive(orphan));
    sandbox.shut_down();
}
