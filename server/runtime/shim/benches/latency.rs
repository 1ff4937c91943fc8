//! How long containers and execs take through the shim, next to `crun` on the same bundles in the same
//! run, and what a shim costs in memory. Needs root, busybox-static and crun:
//!
//! ```text
//! cargo bench -p lifepod-shim
//! ```
//!
//! Every round is preceded by a pause: back-to-back cgroup moves are untypically fast.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program for developers"
)]

#[path = "../tests/shim/support/mod.rs"]
mod support;

use std::{
    fs,
    os::{fd::AsFd, unix::process::CommandExt},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use lifepod_shim::protocol::{Call, Exec};
use support::{Bundle, Client, Sandbox};

const ROUNDS: usize = 100;
const PAUSE: Duration = Duration::from_millis(60);
const INSIDE: &str = "LIFEPOD_BENCH_INSIDE";

fn main() {
    if std::env::var_os(INSIDE).is_none() {
        hide_unified_cgroups();
    }
    latency();
    memory(1);
    memory(50);
}

/// The crun of some distributions refuses hybrid machines unless it cannot see that they are.
fn hide_unified_cgroups() {
    let script =
        "mount --make-rprivate / && umount /sys/fs/cgroup/unified 2>/dev/null; exec \"$0\"";
    let error = Command::new("unshare")
        .args(["-m", "sh", "-c", script])
        .arg(std::env::current_exe().unwrap())
        .env(INSIDE, "1")
        .exec();
    panic!("cannot run unshare: {error}");
}

fn latency() {
    let mut rows: Vec<(&str, Vec<Duration>)> = [
        "sandbox: exec of the shim until ready",
        "create+start, shim",
        "create+start, crun",
        "exec of true until its exit, shim",
        "exec of true, crun",
        "kill until the exit is told, shim",
        "delete, shim",
        "delete, crun",
        "shutdown of the sandbox",
    ]
    .map(|name| (name, Vec::new()))
    .into();
    for round in 0..ROUNDS {
        let sandbox = timed(&mut rows[0].1, Sandbox::start);
        let mut client = sandbox.client();
        // Takes turns in going first.
        for step in [round % 2, 1 - round % 2] {
            if step == 0 {
                through_shim(&sandbox, &mut client, &mut rows);
            } else {
                through_crun(&sandbox, &mut rows);
            }
        }
        timed(&mut rows[8].1, || client.done(Call::Shutdown));
    }
    println!(
        "{:42} {:>9} {:>9}",
        format!("{ROUNDS} rounds"),
        "p50",
        "p99"
    );
    for (name, times) in &mut rows {
        times.sort_unstable();
        let at = |share: usize| {
            times[(times.len() * share / 100).min(times.len() - 1)].as_secs_f64() * 1e3
        };
        println!("{name:42} {:6.2} ms {:6.2} ms", at(50), at(99));
    }
}

fn through_shim(sandbox: &Sandbox, client: &mut Client, rows: &mut [(&str, Vec<Duration>)]) {
    let call = sandbox.create_call(&sandbox.bundle("shim", "exec sleep 1000"));
    pause();
    let started = timed(&mut rows[1].1, || client.started(Call::Create(call)));
    let null = fs::File::options()
        .read(true)
        .write(true)
        .open("/dev/null")
        .unwrap();
    let exec = Call::Exec(Exec {
        id: "e".to_owned(),
        container: "shim".to_owned(),
        args: vec!["/bin/true".to_owned()],
        ..Exec::default()
    });
    pause();
    timed(&mut rows[3].1, || {
        client
            .call_with(exec, &[null.as_fd(), null.as_fd(), null.as_fd()])
            .unwrap();
        client.wait_exec_exit("e");
    });
    pause();
    let pid = rustix::process::Pid::from_raw(started.pid).unwrap();
    timed(&mut rows[5].1, || {
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        client.wait_container_exit("shim");
    });
    timed(&mut rows[6].1, || {
        client.done(Call::Delete {
            container: "shim".to_owned(),
        });
    });
}

fn through_crun(sandbox: &Sandbox, rows: &mut [(&str, Vec<Duration>)]) {
    let bundle: Bundle = sandbox.bundle("crun", "exec sleep 1000");
    let directory = bundle.write();
    let id = format!("lifepod-bench-{}", std::process::id());
    let crun = |arguments: &[&str]| {
        let status = Command::new("crun")
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .expect("this needs crun");
        assert!(status.success(), "crun {arguments:?}");
    };
    pause();
    timed(&mut rows[2].1, || {
        crun(&["create", "--bundle", directory.to_str().unwrap(), &id]);
        crun(&["start", &id]);
    });
    pause();
    timed(&mut rows[4].1, || crun(&["exec", &id, "/bin/true"]));
    pause();
    timed(&mut rows[7].1, || crun(&["delete", "--force", &id]));
}

/// Proportional and private memory of shims with one idle container each.
fn memory(count: usize) {
    let sandboxes: Vec<Sandbox> = (0..count).map(|_| Sandbox::start()).collect();
    for sandbox in &sandboxes {
        sandbox.run(&mut sandbox.client(), "c", "exec sleep 1000");
    }
    let sum = |field: &str| -> u64 {
        sandboxes
            .iter()
            .map(|sandbox| rollup(sandbox.ready.pid, field))
            .sum()
    };
    let (pss, private) = (sum("Pss:"), sum("Private_Dirty:"));
    println!(
        "{count:3} shims: PSS {} KiB each, private dirty {} KiB each",
        pss / count as u64,
        private / count as u64
    );
    for sandbox in sandboxes {
        sandbox.shut_down();
    }
}

fn rollup(pid: i32, field: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let line = text.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn timed<T>(times: &mut Vec<Duration>, act: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = act();
    times.push(start.elapsed());
    result
}

fn pause() {
    std::thread::sleep(PAUSE);
}
