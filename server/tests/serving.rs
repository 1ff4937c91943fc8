//! The real binary as a service: its socket, its stop, its jealousy. Needs root, as the server does.

use std::{
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

const DEADLINE: Duration = Duration::from_secs(20);

/// Waits for a level.
fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "{what} did not come true");
        sleep(Duration::from_millis(5));
    }
}

/// Directories and names of one server, away from any other.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let text = format!(
            "data_dir = \"{data}\"\nsocket = \"{socket}\"\nnode_name = \"test\"\n\
             [runtime]\nshim = \"/bin/true\"\ncgroup = \"/lifepodd-test\"\n\
             [network]\nbridge = \"lpdtest0\"\ntable = \"lpdtest\"\n",
            data = dir.path().join("data").display(),
            socket = dir.path().join("run/lp.sock").display(),
        );
        std::fs::write(dir.path().join("lifepodd.toml"), text).expect("written");
        Self { dir }
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("run/lp.sock")
    }

    fn command(&self) -> Command {
        // In a network namespace of its own, which takes bridge and rules along when it ends.
        let mut command = Command::new("unshare");
        command.args(["--net", "--", env!("CARGO_BIN_EXE_lifepodd")]);
        command
            .arg("--config")
            .arg(self.dir.path().join("lifepodd.toml"));
        command
    }

    /// Starts a server and waits until it takes connections.
    fn start(&self) -> Server {
        let log = std::fs::File::create(self.dir.path().join("log")).expect("made");
        let child = self
            .command()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        let mut server = Server(child.expect("lifepodd runs"));
        eventually("serving", || {
            let early = server.0.try_wait().expect("ours");
            assert!(early.is_none(), "it ended: {}", self.log());
            let said = self.log().contains("serving");
            (said && answers(&self.socket())).then_some(())
        });
        server
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }
}

fn answers(socket: &Path) -> bool {
    UnixStream::connect(socket).is_ok()
}

struct Server(Child);

impl Server {
    fn end(&mut self, signal: Signal) -> ExitStatus {
        kill_process(Pid::from_child(&self.0), signal).expect("it runs");
        eventually("the end", || self.0.try_wait().expect("ours"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Only what a failed test leaves; the others have waited for it.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_stop_is_orderly_and_takes_the_socket_along() {
    let place = Place::new();
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = place.start();
        let mode = std::fs::metadata(place.socket())
            .expect("bound")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o660);
        // A client that stays connected does not hold the stop up.
        let client = UnixStream::connect(place.socket()).expect("answers");
        let ended = server.end(signal);
        assert!(ended.success(), "{ended}: {}", place.log());
        assert!(!place.socket().exists());
        drop(client);
    }
}

#[test]
fn a_second_server_is_refused_and_a_dead_ones_socket_is_taken_over() {
    let place = Place::new();
    let mut first = place.start();
    let second = place.command().output().expect("runs");
    assert!(!second.status.success());
    assert!(
        text(&second).contains("another server is serving"),
        "{}",
        text(&second)
    );
    assert!(answers(&place.socket()), "the first goes on");

    // Another socket does not help: the data belong to the first.
    let elsewhere = place.dir.path().join("other.sock");
    let third = place
        .command()
        .arg("--socket")
        .arg(&elsewhere)
        .output()
        .expect("runs");
    assert!(!third.status.success());
    assert!(text(&third).contains("in use"), "{}", text(&third));

    first.end(Signal::KILL);
    assert!(place.socket().exists(), "nobody was there to remove it");
    place.start().end(Signal::TERM);
}
