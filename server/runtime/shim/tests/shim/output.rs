//! Logs, attached clients, stdin, terminals.

use std::{
    fs,
    io::{Read, Write},
    os::fd::AsFd,
};

use lifepod_shim::protocol::{Attach, Call, ErrorCode, TerminalSize};
use serde_json::json;

use crate::support::{Client, Sandbox, wait_until};

fn attach(container: &str, stdin: bool, stdout: bool, stderr: bool) -> Call {
    Call::Attach(Attach {
        container: container.to_owned(),
        stdin,
        stdout,
        stderr,
    })
}

fn contents(sandbox: &Sandbox, id: &str) -> Vec<String> {
    sandbox
        .log(id)
        .into_iter()
        .map(|(_, _, line)| line)
        .collect()
}

#[test]
fn lines_are_logged_with_their_stream_and_partial_ones_marked() {
    let sandbox = Sandbox::start();
    sandbox.run_to_end("c", "echo out; echo err >&2; printf 'two\\nno end'");
    let mut log = sandbox.log("c");
    log.sort();
    let expected = [
        ("stderr", "F", "err"),
        ("stdout", "F", "out"),
        ("stdout", "F", "two"),
        ("stdout", "P", "no end"),
    ];
    assert_eq!(
        log,
        expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()))
    );
    sandbox.shut_down();
}

#[test]
fn a_line_of_100_kib_is_cut_into_pieces_that_join_to_it() {
    let sandbox = Sandbox::start();
    sandbox.run_to_end(
        "c",
        "head -c 102400 /dev/zero | tr '\\0' x; echo; echo next",
    );
    let log = sandbox.log("c");
    let (pieces, rest) = log.split_at(log.len() - 1);
    assert_eq!(rest[0].2, "next");
    let (last, partial) = pieces.split_last().unwrap();
    assert_eq!(last.1, "F");
    assert!(
        partial
            .iter()
            .all(|(_, tag, text)| tag == "P" && text.len() == 16384)
    );
    assert_eq!(
        pieces.iter().map(|(_, _, text)| text.len()).sum::<usize>(),
        102_400
    );
    sandbox.shut_down();
}

#[test]
fn everything_written_before_the_end_is_in_the_log_when_the_exit_is_told() {
    let sandbox = Sandbox::start();
    for round in 0..5 {
        let id = format!("c{round}");
        sandbox.run_to_end(&id, "seq 1 20000; echo last >&2");
        let log = contents(&sandbox, &id);
        assert_eq!(log.len(), 20_001);
        assert!(log.contains(&"20000".to_owned()) && log.contains(&"last".to_owned()));
    }
    sandbox.shut_down();
}

#[test]
fn a_renamed_log_is_continued_in_a_new_file() {
    let sandbox = Sandbox::start();
    let mut client = sandbox.client();
    sandbox.run(
        &mut client,
        "c",
        "echo one; while [ ! -e /go ]; do sleep 0.02; done; echo two",
    );
    wait_until("the first line is there", || {
        contents(&sandbox, "c") == ["one"]
    });
    let rotated = sandbox.log_path("c").with_extension("1");
    fs::rename(sandbox.log_path("c"), &rotated).unwrap();
    client.done(Call::ReopenLog {
        container: "c".to_owned(),
    });
    fs::write(sandbox.bundle("c", "").rootfs().join("go"), "").unwrap();
    client.wait_container_exit("c");
    assert_eq!(contents(&sandbox, "c"), ["two"]);
    assert!(fs::read_to_string(rotated).unwrap().ends_with("one\n"));
    sandbox.shut_down();
}

#[test]
fn a_full_disk_delays_output_and_loses_none() {
    let sandbox = Sandbox::start();
    let mut client = sandbox.client();
    std::os::unix::fs::symlink("/dev/full", sandbox.log_path("c")).unwrap();
    sandbox.run(
        &mut client,
        "c",
        "seq 1 50000; while [ ! -e /go ]; do sleep 0.02; done",
    );
    // A program that cannot get rid of its output waits, and the shim goes on serving.
    assert!(client.status("c").is_some());
    fs::remove_file(sandbox.log_path("c")).unwrap();
    client.done(Call::ReopenLog {
        container: "c".to_owned(),
    });
    fs::write(sandbox.bundle("c", "").rootfs().join("go"), "").unwrap();
    let record = client.wait_container_exit("c");
    assert_eq!(record.log_error, None);
    assert_eq!(contents(&sandbox, "c").len(), 50_000);
    sandbox.shut_down();
}

#[test]
fn output_that_never_could_be_written_is_said_in_the_record() {
    let sandbox = Sandbox::start();
    std::os::unix::fs::symlink("/dev/full", sandbox.log_path("c")).unwrap();
    let record = sandbox.run_to_end("c", "echo lost");
    assert!(record.log_error.unwrap().contains("No space left"));
    sandbox.shut_down();
}

#[test]
fn an_attached_client_sees_output_from_now_on_and_feeds_stdin() {
    let sandbox = Sandbox::start();
    let mut client = sandbox.client();
    let mut call = sandbox
        .create_call(&sandbox.bundle("c", "echo before; while read line; do echo got $line; done"));
    call.stdin = true;
    call.stdin_once = true;
    client.started(Call::Create(call));
    wait_until("it is up", || contents(&sandbox, "c") == ["before"]);
    let ((their_in, mut stdin), (mut stdout, their_out)) =
        (std::io::pipe().unwrap(), std::io::pipe().unwrap());
    let fds = [their_in.as_fd(), their_out.as_fd()];
    client
        .call_with(attach("c", true, true, false), &fds)
        .unwrap();
    drop((their_in, their_out));
    let second = std::io::pipe().unwrap();
    let taken = client
        .call_with(attach("c", true, false, false), &[second.0.as_fd()])
        .unwrap_err();
    assert_eq!(taken.code, ErrorCode::AlreadyExists);
    stdin.write_all(b"one\ntwo\n").unwrap();
    drop(stdin);
    let mut seen = String::new();
    stdout.read_to_string(&mut seen).unwrap();
    assert_eq!(
        seen, "got one\ngot two\n",
        "and the end of stdin was the end of the container"
    );
    assert_eq!(client.wait_container_exit("c").exit_code, 0);
    assert_eq!(contents(&sandbox, "c"), ["before", "got one", "got two"]);
    sandbox.shut_down();
}

#[test]
fn stdin_without_once_stays_open_for_the_next_client() {
    let sandbox = Sandbox::start();
    let mut client = sandbox.client();
    let mut call = sandbox
        .create_call(&sandbox.bundle("c", "while read line; do echo got $line; done; echo end"));
    call.stdin = true;
    client.started(Call::Create(call));
    for text in ["one", "two"] {
        let (theirs, mut ours) = std::io::pipe().unwrap();
        client
            .call_with(attach("c", true, false, false), &[theirs.as_fd()])
            .unwrap();
        writeln!(ours, "{text}").unwrap();
        drop(ours);
        wait_until("it arrived", || {
            contents(&sandbox, "c").contains(&format!("got {text}"))
        });
    }
    client.done(Call::CloseStdin {
        container: "c".to_owned(),
    });
    assert_eq!(client.wait_container_exit("c").exit_code, 0);
    assert_eq!(contents(&sandbox, "c"), ["got one", "got two", "end"]);
    sandbox.shut_down();
}

#[test]
fn a_client_that_does_not_read_is_let_go_and_delays_nobody() {
    let sandbox = Sandbox::start();
    let mut client = sandbox.client();
    sandbox.run(
        &mut client,
        "c",
        "while [ ! -e /go ]; do sleep 0.02; done; seq 1 200000",
    );
    let (mut reader, writer) = std::io::pipe().unwrap();
    client
        .call_with(attach("c", false, true, false), &[writer.as_fd()])
        .unwrap();
    drop(writer);
    fs::write(sandbox.bundle("c", "").rootfs().join("go"), "").unwrap();
    assert_eq!(client.wait_container_exit("c").exit_code, 0);
    assert_eq!(
        contents(&sandbox, "c").len(),
        200_000,
        "the log is complete"
    );
    let mut seen = Vec::new();
    reader.read_to_end(&mut seen).unwrap();
    assert!(seen.starts_with(b"1\n2\n3\n"));
    sandbox.shut_down();
}

fn terminal_container(sandbox: &Sandbox, client: &mut Client, script: &str) {
    let bundle = sandbox
        .bundle("c", script)
        .set("/process/terminal", json!(true))
        .set("/process/consoleSize", json!({"width": 100, "height": 30}));
    let mut call = sandbox.create_call(&bundle);
    call.stdin = true;
    client.started(Call::Create(call));
}

#[test]
fn a_container_s_terminal_is_logged_fed_and_resized() {
    let sandbox = Sandbox::start();
    let mut client = sandbox.client();
    terminal_container(
        &sandbox,
        &mut client,
        "stty size; echo err >&2; tty; read line; stty size; echo got $line",
    );
    wait_until("it is up", || {
        contents(&sandbox, "c")
            .iter()
            .any(|line| line.starts_with("/dev/"))
    });
    let size = TerminalSize {
        width: 120,
        height: 40,
    };
    client.done(Call::Resize {
        container: "c".to_owned(),
        size,
    });
    let (theirs, mut ours) = std::io::pipe().unwrap();
    client
        .call_with(attach("c", true, false, false), &[theirs.as_fd()])
        .unwrap();
    ours.write_all(b"hello\n").unwrap();
    assert_eq!(client.wait_container_exit("c").exit_code, 0);
    let log = sandbox.log("c");
    assert!(log.iter().all(|(stream, _, _)| stream == "stdout"));
    let lines: Vec<&str> = log
        .iter()
        .map(|(_, _, line)| line.trim_end_matches('\r'))
        .collect();
    assert_eq!(
        lines,
        [
            "30 100",
            "err",
            "/dev/pts/0",
            "hello",
            "40 120",
            "got hello"
        ]
    );
    sandbox.shut_down();
}

#[test]
fn a_container_without_terminal_cannot_be_resized() {
    let sandbox = Sandbox::start();
    let mut client = sandbox.client();
    sandbox.run(&mut client, "c", "sleep 1000");
    let size = TerminalSize {
        width: 1,
        height: 1,
    };
    let failure = client.failure(Call::Resize {
        container: "c".to_owned(),
        size,
    });
    assert_eq!(failure.code, ErrorCode::InvalidRequest);
    sandbox.shut_down();
}

#[test]
fn a_user_may_reopen_its_own_standard_output() {
    let sandbox = Sandbox::start();
    let bundle = sandbox
        .bundle("c", "echo again > /proc/self/fd/1")
        .set("/process/user", json!({"uid": 1000, "gid": 1000}));
    let mut client = sandbox.client();
    client.started(Call::Create(sandbox.create_call(&bundle)));
    assert_eq!(client.wait_container_exit("c").exit_code, 0);
    assert_eq!(contents(&sandbox, "c"), ["again"]);
    sandbox.shut_down();
}
