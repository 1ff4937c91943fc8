//! Programs run in running containers.

use std::{
    fs::{self, File},
    io::{PipeReader, PipeWriter, Read, Write, pipe},
    os::{fd::AsFd, unix::fs::MetadataExt},
};

use lifepod_shim::protocol::{
    Call, ErrorCode, Exec, ExecExit, Failure, ProcessUser, Reply, Started, TerminalSize,
};
use rustix::termios::{Winsize, tcsetwinsize};
use serde_json::json;

use crate::support::{Client, Sandbox, alive, wait_until};

struct Running {
    stdin: PipeWriter,
    stdout: PipeReader,
    stderr: PipeReader,
    started: Started,
}

fn exec(id: &str, args: &[&str]) -> Exec {
    Exec {
        id: id.to_owned(),
        container: "c".to_owned(),
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        ..Exec::default()
    }
}

fn start(client: &mut Client, exec: Exec) -> Result<Running, Failure> {
    let ((in_reader, stdin), (stdout, out_writer), (stderr, err_writer)) =
        (pipe().unwrap(), pipe().unwrap(), pipe().unwrap());
    let fds = [in_reader.as_fd(), out_writer.as_fd(), err_writer.as_fd()];
    match client.call_with(Call::Exec(exec), &fds)? {
        Reply::Started(started) => Ok(Running {
            stdin,
            stdout,
            stderr,
            started,
        }),
        other => panic!("{other:?}"),
    }
}

/// Runs a shell command to its end: what it wrote, and how it ended.
fn run(client: &mut Client, exec: Exec) -> (String, String, ExecExit) {
    let id = exec.id.clone();
    let mut running = start(client, exec).unwrap();
    drop(running.stdin);
    let (mut out, mut err) = (String::new(), String::new());
    running.stdout.read_to_string(&mut out).unwrap();
    running.stderr.read_to_string(&mut err).unwrap();
    (out, err, client.wait_exec_exit(&id))
}

fn sandbox_with_container() -> (Sandbox, Client) {
    let sandbox = Sandbox::start();
    let mut client = sandbox.client();
    sandbox.run(&mut client, "c", "sleep 1000");
    (sandbox, client)
}

#[test]
fn an_exec_has_its_own_streams_and_exit_code() {
    let (sandbox, mut client) = sandbox_with_container();
    let mut running = start(
        &mut client,
        exec("e", &["sh", "-c", "cat; echo err >&2; exit 7"]),
    )
    .unwrap();
    running.stdin.write_all(b"through").unwrap();
    drop(running.stdin);
    let (mut out, mut err) = (String::new(), String::new());
    running.stdout.read_to_string(&mut out).unwrap();
    running.stderr.read_to_string(&mut err).unwrap();
    assert_eq!((out.as_str(), err.as_str()), ("through", "err\n"));
    let exit = client.wait_exec_exit("e");
    assert_eq!(
        (exit.exit_code, exit.signal, exit.container.as_str()),
        (7, None, "c")
    );
    assert!(exit.finished_at >= running.started.started_at);
    sandbox.shut_down();
}

#[test]
fn an_exec_runs_as_the_container_does() {
    let sandbox = Sandbox::start();
    let mut client = sandbox.client();
    let bundle = sandbox
        .bundle("c", "exec sleep 1000")
        .set(
            "/process/user",
            json!({"uid": 1000, "gid": 1000, "additionalGids": [7]}),
        )
        .set(
            "/process/capabilities/ambient",
            json!(["CAP_KILL", "CAP_CHOWN"]),
        )
        .set("/process/capabilities/inheritable", json!(["CAP_KILL"]))
        .set("/process/cwd", json!("/tmp"))
        .set(
            "/process/rlimits",
            json!([{"type": "RLIMIT_NOFILE", "soft": 99, "hard": 123}]),
        );
    let init = client.started(Call::Create(sandbox.create_call(&bundle)));
    // Neither is a shell then: shells change what they ignore.
    let program = || fs::read_link(format!("/proc/{}/exe", init.pid)).unwrap();
    wait_until("init is no shell any more", || {
        let command = fs::read(format!("/proc/{}/cmdline", init.pid)).unwrap();
        program().ends_with("busybox") && command.starts_with(b"sleep")
    });
    let running = start(&mut client, exec("e", &["cat"])).unwrap();
    let (of_init, of_exec) = (init.pid.to_string(), running.started.pid.to_string());
    for name in ["net", "ipc", "uts", "pid", "mnt", "cgroup"] {
        let inode = |pid: &str| {
            fs::metadata(format!("/proc/{pid}/ns/{name}"))
                .unwrap()
                .ino()
        };
        assert_eq!(inode(&of_exec), inode(&of_init), "{name}");
    }
    let read = |pid: &str, file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap();
    let joined = |pid: &str| -> Vec<String> {
        let text = read(pid, "cgroup");
        text.lines()
            .filter(|line| !line.starts_with("0::") || sandbox.layout().is_unified())
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(joined(&of_exec), joined(&of_init));
    assert_eq!(
        read(&of_exec, "oom_score_adj"),
        read(&of_init, "oom_score_adj")
    );
    let fields = [
        "Uid:",
        "Gid:",
        "Groups:",
        "CapEff:",
        "CapPrm:",
        "CapBnd:",
        "CapInh:",
        "CapAmb:",
        "NoNewPrivs:",
        "SigIgn:",
        "SigBlk:",
    ];
    let pick = |pid: &str| -> Vec<String> {
        let text = read(pid, "status");
        text.lines()
            .filter(|line| fields.iter().any(|field| line.starts_with(field)))
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(pick(&of_exec), pick(&of_init));
    let files = |pid: &str| {
        read(pid, "limits")
            .lines()
            .find(|line| line.starts_with("Max open files"))
            .unwrap()
            .to_owned()
    };
    assert_eq!(files(&of_exec), files(&of_init));
    let script = "pwd; echo $FROM_SPEC $HOME";
    let (out, _, _) = run(&mut client, exec("f", &["sh", "-c", script]));
    assert_eq!(out, "/tmp\nyes /tmp\n");
    sandbox.shut_down();
}

#[test]
fn an_exec_may_ask_for_another_environment_directory_and_user() {
    let (sandbox, mut client) = sandbox_with_container();
    let call = Exec {
        env: Some(vec!["PATH=/bin".to_owned(), "A=b".to_owned()]),
        cwd: Some("/tmp".into()),
        user: Some(ProcessUser {
            uid: 1000,
            gid: 7,
            additional_gids: vec![8],
        }),
        ..exec(
            "e",
            &[
                "sh",
                "-c",
                "id -u; id -G; pwd; echo $A $FROM_SPEC; ls /proc/self/fd | wc -l",
            ],
        )
    };
    let (out, _, exit) = run(&mut client, call);
    assert_eq!(out, "1000\n7 8\n/tmp\nb\n4\n");
    assert_eq!(exit.exit_code, 0);
    sandbox.shut_down();
}

#[test]
fn an_exec_that_cannot_start_is_an_answer_and_no_event() {
    let (sandbox, mut client) = sandbox_with_container();
    let missing = start(&mut client, exec("e", &["no-such"])).err().unwrap();
    assert_eq!(missing.code, ErrorCode::ExecutableNotFound);
    let denied = start(&mut client, exec("e", &["/bin/not-executable"]))
        .err()
        .unwrap();
    assert_eq!(denied.code, ErrorCode::ExecutableNotPermitted);
    let nowhere = Exec {
        cwd: Some("/nowhere".into()),
        ..exec("e", &["true"])
    };
    assert_eq!(
        start(&mut client, nowhere).err().unwrap().code,
        ErrorCode::StartFailed
    );
    let unknown = Exec {
        container: "nobody".to_owned(),
        ..exec("e", &["true"])
    };
    assert_eq!(
        start(&mut client, unknown).err().unwrap().code,
        ErrorCode::NotFound
    );
    assert_eq!(
        run(&mut client, exec("e", &["true"])).2.exit_code,
        0,
        "the name is free"
    );
    sandbox.shut_down();
}

#[test]
fn a_terminal_has_a_size_and_can_be_resized() {
    let (sandbox, mut client) = sandbox_with_container();
    let call = Exec {
        terminal: Some(TerminalSize {
            width: 80,
            height: 24,
        }),
        ..exec(
            "e",
            &[
                "sh",
                "-c",
                "stty size; tty; read line; stty size; echo got $line; exit 5",
            ],
        )
    };
    client.started(Call::Exec(call));
    let mut master = client.take_fd();
    let mut seen = String::new();
    read_until(&mut master, &mut seen, "/dev/pts/");
    assert!(seen.starts_with("24 80\r\n"), "{seen}");
    let size = Winsize {
        ws_row: 50,
        ws_col: 132,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&master, size).unwrap();
    master.write_all(b"typed\n").unwrap();
    read_until(&mut master, &mut seen, "got typed");
    assert!(seen.contains("50 132\r\n"), "{seen}");
    assert_eq!(client.wait_exec_exit("e").exit_code, 5);
    sandbox.shut_down();
}

fn read_until(master: &mut File, seen: &mut String, text: &str) {
    let mut buffer = [0; 1024];
    while !seen.contains(text) {
        let count = master.read(&mut buffer).unwrap();
        seen.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
}

#[test]
fn a_closed_terminal_hangs_up() {
    let (sandbox, mut client) = sandbox_with_container();
    let call = Exec {
        terminal: Some(TerminalSize {
            width: 80,
            height: 24,
        }),
        ..exec("e", &["sleep", "1000"])
    };
    client.started(Call::Exec(call));
    drop(client.take_fd());
    assert_eq!(client.wait_exec_exit("e").signal, Some(libc::SIGHUP));
    sandbox.shut_down();
}

#[test]
fn an_exec_can_be_signalled_alone_or_with_its_group() {
    let (sandbox, mut client) = sandbox_with_container();
    let mut running = start(
        &mut client,
        exec("e", &["sh", "-c", "sleep 1000 & echo up; wait"]),
    )
    .unwrap();
    let mut up = [0; 3];
    running.stdout.read_exact(&mut up).unwrap();
    client.done(Call::ExecSignal {
        exec: "e".to_owned(),
        signal: 9,
        group: true,
    });
    let mut rest = String::new();
    // Ends only when the child that inherited the pipe is dead too.
    running.stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(client.wait_exec_exit("e").exit_code, 137);
    let late = client.failure(Call::ExecSignal {
        exec: "e".to_owned(),
        signal: 9,
        group: false,
    });
    assert_eq!(late.code, ErrorCode::NotRunning);
    sandbox.shut_down();
}

#[test]
fn a_signal_to_an_exec_that_is_still_starting_reaches_its_program() {
    let (sandbox, mut client) = sandbox_with_container();
    let null = File::options()
        .read(true)
        .write(true)
        .open("/dev/null")
        .unwrap();
    // In one go: a child has to be made and to join the container before its program runs.
    for (id, group) in [("alone", false), ("group", true)] {
        let call = Call::Exec(exec(id, &["sleep", "1000"]));
        let starting = client.send(call, &[null.as_fd(), null.as_fd(), null.as_fd()]);
        let signal = Call::ExecSignal {
            exec: id.to_owned(),
            signal: 15,
            group,
        };
        let signalled = client.send(signal, &[]);
        assert_eq!(client.wait_response(signalled), Ok(Reply::Done));
        assert!(matches!(
            client.wait_response(starting),
            Ok(Reply::Started(_))
        ));
        assert_eq!(client.wait_exec_exit(id).signal, Some(15));
    }
    sandbox.shut_down();
}

#[test]
fn no_exec_outlives_its_container() {
    for own_pid_namespace in [true, false] {
        let sandbox = Sandbox::start();
        let mut client = sandbox.client();
        let mut bundle = sandbox.bundle("c", "read x");
        if !own_pid_namespace {
            bundle.config["linux"]["namespaces"]
                .as_array_mut()
                .unwrap()
                .retain(|ns| ns["type"] != "pid");
        }
        let mut call = sandbox.create_call(&bundle);
        call.stdin = true;
        client.started(Call::Create(call));
        let running = start(&mut client, exec("e", &["sleep", "1000"])).unwrap();
        client.done(Call::CloseStdin {
            container: "c".to_owned(),
        });
        assert_eq!(client.wait_container_exit("c").exit_code, 1);
        assert_eq!(client.wait_exec_exit("e").exit_code, 137);
        wait_until("the exec is dead", || !alive(running.started.pid));
        let late = start(&mut client, exec("late", &["true"])).err().unwrap();
        assert_eq!(late.code, ErrorCode::NotRunning);
        sandbox.shut_down();
    }
}

#[test]
fn an_oom_killed_exec_does_not_colour_the_end_of_init() {
    let sandbox = Sandbox::start();
    let mut client = sandbox.client();
    let bundle = sandbox.bundle("c", "sleep 1000").set(
        "/linux/resources/memory",
        json!({"limit": 16 << 20, "swap": 16 << 20}),
    );
    let init = client.started(Call::Create(sandbox.create_call(&bundle)));
    let grow = "x=0123456789abcdef; while :; do x=$x$x; done";
    let (_, _, exit) = run(&mut client, exec("e", &["sh", "-c", grow]));
    assert_eq!(exit.exit_code, 137);
    let pid = rustix::process::Pid::from_raw(init.pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let record = client.wait_container_exit("c");
    assert_eq!((record.exit_code, record.oom_killed), (137, false));
    sandbox.shut_down();
}

#[test]
fn many_execs_at_once_all_end_with_their_own_code() {
    let (sandbox, mut client) = sandbox_with_container();
    let names: Vec<String> = (0..40).map(|n| format!("e{n}")).collect();
    let null = File::options()
        .read(true)
        .write(true)
        .open("/dev/null")
        .unwrap();
    let mut sent = Vec::new();
    for (code, name) in names.iter().enumerate() {
        let call = Call::Exec(exec(name, &["sh", "-c", &format!("exit {code}")]));
        sent.push(client.send(call, &[null.as_fd(), null.as_fd(), null.as_fd()]));
    }
    for id in sent {
        assert!(matches!(client.wait_response(id), Ok(Reply::Started(_))));
    }
    for (code, name) in names.iter().enumerate() {
        assert_eq!(
            client.wait_exec_exit(name).exit_code,
            i32::try_from(code).unwrap()
        );
    }
    sandbox.shut_down();
}
