//! The shim outlives its server, and hostile or vanished clients.

use std::{
    fs,
    io::Write,
    os::{fd::AsFd, unix::fs::PermissionsExt},
    process::{Command, Stdio},
};

use lifepod_shim::{
    ExitRecord, SandboxDir, fds,
    protocol::{Call, ContainerStatus, ErrorCode},
};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Client, Sandbox, alive, client::connect, run_shim, wait_until};

#[test]
fn an_exit_while_nobody_listens_waits_in_the_state_and_on_disk() {
    let sandbox = Sandbox::start();
    let mut client = sandbox.client();
    let lasting = sandbox.run(&mut client, "lasting", "sleep 1000");
    let ending = sandbox.run(&mut client, "ending", "sleep 0.2; exit 11");
    drop(client);
    wait_until("it has ended", || !alive(ending.pid));
    wait_until("the record is there", || {
        ExitRecord::load_all(&sandbox.dir).unwrap().len() == 1
    });
    let mut again = sandbox.client();
    let status = |id: &str| {
        again
            .state
            .containers
            .iter()
            .find(|container| container.id == id)
            .unwrap()
            .status
            .clone()
    };
    assert_eq!(status("lasting"), ContainerStatus::Running(lasting));
    let ContainerStatus::Exited(record) = status("ending") else {
        panic!("not ended")
    };
    assert_eq!(
        (record.exit_code, record.pid, record.started_at),
        (11, ending.pid, ending.started_at)
    );
    assert_eq!(ExitRecord::load_all(&sandbox.dir).unwrap(), vec![record]);
    again.done(Call::Delete {
        container: "lasting".to_owned(),
    });
    sandbox.shut_down();
}

const BUNDLE: &str = "LIFEPOD_TEST_BUNDLE";
const DIRECTORY: &str = "LIFEPOD_TEST_SANDBOX";

#[test]
fn killing_the_server_changes_nothing_for_the_pod() {
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        return be_the_server(&SandboxDir::new(directory));
    }
    let sandbox = Sandbox::start();
    let bundle = sandbox.bundle("c", "echo up; sleep 0.5; echo still here; exit 8");
    let call = sandbox.create_call(&bundle);
    let mut server = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "survival::killing_the_server_changes_nothing_for_the_pod",
        ])
        .env(BUNDLE, serde_json::to_string(&call).unwrap())
        .env(DIRECTORY, sandbox.dir.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("the container runs", || {
        sandbox.log_path("c").exists() && !sandbox.log("c").is_empty()
    });
    server.kill().unwrap();
    server.wait().unwrap();
    let mut client = sandbox.client();
    assert!(matches!(
        client.status("c"),
        Some(ContainerStatus::Running(_))
    ));
    assert_eq!(client.wait_container_exit("c").exit_code, 8);
    assert_eq!(sandbox.log("c").last().unwrap().2, "still here");
    sandbox.shut_down();
}

/// What the test's own program does in the process that is killed.
fn be_the_server(dir: &SandboxDir) {
    let call = serde_json::from_str(&std::env::var(BUNDLE).unwrap()).unwrap();
    let mut client = Client::connect(dir);
    client.started(Call::Create(call));
    while client.receive() {}
}

#[test]
fn every_client_hears_of_an_exit() {
    let sandbox = Sandbox::start();
    let (mut one, mut two) = (sandbox.client(), sandbox.client());
    sandbox.run(&mut one, "c", "sleep 0.1; exit 4");
    assert_eq!(two.wait_container_exit("c"), one.wait_container_exit("c"));
    sandbox.shut_down();
}

#[test]
fn an_exec_that_ended_unheard_is_in_the_state() {
    let sandbox = Sandbox::start();
    let mut client = sandbox.client();
    sandbox.run(&mut client, "c", "sleep 1000");
    client.exec("e", &["sh", "-c", "sleep 0.1; exit 9"]);
    drop(client);
    wait_until("it is in the state", || {
        let state = sandbox.client().state;
        state
            .execs
            .first()
            .and_then(|exec| exec.exit.as_ref())
            .is_some_and(|exit| exit.exit_code == 9)
    });
    sandbox.shut_down();
}

#[test]
fn garbage_closes_its_own_connection_only() {
    let sandbox = Sandbox::start();
    let mut client = sandbox.client();
    sandbox.run(&mut client, "c", "sleep 1000");
    let huge = u32::MAX.to_le_bytes();
    let not_json = [4, 0, 0, 0, b'j', b'u', b'n', b'k'];
    let unknown = b"\x17\0\0\0{\"id\":1,\"call\":\"dance\"}";
    for garbage in [&huge[..], &not_json[..], &unknown[..], &[0, 0, 0, 0][..]] {
        let socket = connect(&sandbox.dir);
        (&socket).write_all(garbage).unwrap();
        let mut end = [0; 1];
        assert_eq!(
            rustix::io::read(&socket, &mut end[..]).unwrap_or(0),
            0,
            "{garbage:?}"
        );
    }
    flood_with_descriptors(&sandbox);
    assert!(client.status("c").is_some(), "the others are served on");
    sandbox.shut_down();
}

fn flood_with_descriptors(sandbox: &Sandbox) {
    let socket = connect(&sandbox.dir);
    let null = fs::File::open("/dev/null").unwrap();
    let three = [null.as_fd(), null.as_fd(), null.as_fd()];
    let before = open_files(sandbox.ready.pid);
    for byte in [[255, 0, 0, 0], *b"aaaa", *b"aaaa", *b"aaaa"] {
        // The shim may have hung up already.
        let _ = fds::send(&socket, &byte, &three);
    }
    let mut end = [0; 1];
    assert_eq!(rustix::io::read(&socket, &mut end[..]).unwrap_or(0), 0);
    wait_until("the descriptors are closed", || {
        open_files(sandbox.ready.pid) <= before + 1
    });
}

fn open_files(pid: i32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

#[test]
fn another_protocol_version_is_refused() {
    let sandbox = Sandbox::start();
    let failure = sandbox.client().failure(Call::Hello { version: 999 });
    assert_eq!(failure.code, ErrorCode::UnsupportedVersion);
    sandbox.shut_down();
}

#[test]
fn signals_do_not_end_the_shim() {
    let sandbox = Sandbox::start();
    let shim = Pid::from_raw(sandbox.ready.pid).unwrap();
    for signal in [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT] {
        kill_process(shim, signal).unwrap();
    }
    wait_until("they are noted", || {
        let log = fs::read_to_string(sandbox.dir.log()).unwrap();
        log.matches("ignored signal").count() == 4
    });
    assert_eq!(sandbox.run_to_end("c", "exit 2").exit_code, 2);
    sandbox.shut_down();
}

#[test]
fn a_directory_has_one_shim() {
    let sandbox = Sandbox::start();
    let second = run_shim(sandbox.dir.path());
    assert!(!second.status.success());
    assert!(String::from_utf8_lossy(&second.stderr).contains("a shim is running here"));
    assert_eq!(sandbox.run_to_end("c", "exit 2").exit_code, 2);
    sandbox.shut_down();
}

#[test]
fn the_shim_is_a_daemon_of_its_own() {
    let sandbox = Sandbox::start();
    let pid = sandbox.ready.pid;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<i64> = stat
        .rsplit_once(") ")
        .unwrap()
        .1
        .split(' ')
        .skip(1)
        .take(4)
        .map(|f| f.parse().unwrap())
        .collect();
    let (parent, group, session, terminal) = (fields[0], fields[1], fields[2], fields[3]);
    assert_ne!(parent, i64::from(std::process::id()));
    assert_eq!(
        (group, session, terminal),
        (i64::from(pid), i64::from(pid), 0)
    );
    assert_eq!(
        fs::read_dir(format!("/proc/{pid}/task")).unwrap().count(),
        1,
        "it has one thread"
    );
    let link = |fd: u32| fs::read_link(format!("/proc/{pid}/fd/{fd}")).unwrap();
    assert_eq!(link(0).to_str(), Some("/dev/null"));
    assert_eq!(link(1).to_str(), Some("/dev/null"));
    assert_eq!(link(2), sandbox.dir.log());
    let mode = fs::metadata(sandbox.dir.socket())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    sandbox.shut_down();
}

#[test]
fn a_sandbox_that_cannot_be_made_says_why() {
    let temp = tempfile::tempdir().unwrap();
    let empty = run_shim(temp.path());
    assert!(
        String::from_utf8_lossy(&empty.stderr).contains("sandbox.json"),
        "{empty:?}"
    );
    fs::write(
        temp.path().join("sandbox.json"),
        r#"{"id":"x","cgroup_parent":"/lifepod-test/x","sysctls":{"vm.swappiness":"1"}}"#,
    )
    .unwrap();
    let foreign = run_shim(temp.path());
    assert!(!foreign.status.success());
    let text = String::from_utf8_lossy(&foreign.stderr).into_owned();
    assert!(
        text.contains("sysctl `vm.swappiness` does not belong"),
        "{text}"
    );
}

#[test]
fn kernel_parameters_are_those_of_the_sandbox() {
    let sandbox = Sandbox::start_with(|config| {
        config.sysctls.insert(
            "net.ipv4.ip_unprivileged_port_start".to_owned(),
            "81".to_owned(),
        );
        config
            .sysctls
            .insert("kernel.shm_rmid_forced".to_owned(), "1".to_owned());
    });
    let script =
        "cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/shm_rmid_forced";
    assert_eq!(sandbox.run_to_end("c", script).exit_code, 0);
    assert_eq!(
        sandbox
            .log("c")
            .iter()
            .map(|line| line.2.as_str())
            .collect::<Vec<_>>(),
        ["81", "1"]
    );
    sandbox.shut_down();
}

#[test]
fn a_pod_on_the_host_network_keeps_it() {
    let sandbox = Sandbox::start_with(|config| config.host_network = true);
    assert_eq!(sandbox.ready.namespaces.net, None);
    let own = fs::read_link("/proc/self/ns/net").unwrap();
    assert_eq!(
        fs::read_link(format!("/proc/{}/ns/net", sandbox.ready.pid)).unwrap(),
        own
    );
    assert_eq!(sandbox.run_to_end("c", "hostname").exit_code, 0);
    assert_eq!(sandbox.log("c")[0].2, "pod-name");
    sandbox.shut_down();
}

#[test]
fn the_shutdown_takes_running_containers_with_it() {
    let sandbox = Sandbox::start();
    let mut client = sandbox.client();
    let pids: Vec<i32> = (0..3)
        .map(|n| {
            sandbox
                .run(&mut client, &format!("c{n}"), "trap '' TERM; sleep 1000")
                .pid
        })
        .collect();
    drop(client);
    sandbox.shut_down();
    assert!(pids.iter().all(|pid| !alive(*pid)));
}
