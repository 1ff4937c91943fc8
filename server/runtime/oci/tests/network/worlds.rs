//! Network namespaces for tests: a "host" of its own per test, pods, and a "world" beyond it.
//!
//! A network namespace belongs to a thread, so each test runs on a thread that has left the
//! machine's namespace; threads and programs it starts inherit the new one. Nothing here can
//! touch the machine's own network.

use rustix::thread::{
    LinkNameSpaceType, UnshareFlags, gettid, move_into_link_name_space, unshare_unsafe,
};
use std::{
    fs::{self, File},
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket},
    os::fd::{AsFd, AsRawFd},
    path::PathBuf,
    process::Command,
    thread,
    time::Duration,
};

/// Long enough for anything that works, and all a test waits for something that does not.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Runs a test inside a fresh network namespace with loopback up: the test's "host".
pub(crate) fn on_a_host(test: impl FnOnce() + Send) {
    thread::scope(|scope| {
        let host = scope.spawn(|| {
            new_namespace();
            ip("link set lo up");
            test();
        });
        if let Err(panic) = host.join() {
            std::panic::resume_unwind(panic);
        }
    });
}

fn new_namespace() {
    #[expect(unsafe_code, reason = "unshare has no safe form")]
    // SAFETY: only the network namespace changes; file descriptors and memory stay shared.
    let unshared = unsafe { unshare_unsafe(UnshareFlags::NEWNET) };
    unshared.expect("these tests make network namespaces: run them as root");
}

/// Runs the `ip` program in the current namespace.
pub(crate) fn ip(arguments: &str) {
    run("ip", arguments);
}

/// Runs a program in the current namespace.
pub(crate) fn run(program: &str, arguments: &str) {
    output(program, arguments);
}

/// Runs a program in the current namespace and answers what it prints.
pub(crate) fn output(program: &str, arguments: &str) -> String {
    let output = Command::new(program)
        .args(arguments.split_whitespace())
        .output()
        .unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments}: {message}");
    String::from_utf8(output.stdout).unwrap()
}

/// A network namespace without a process; it lives as long as the value.
pub(crate) struct Namespace(File);

impl Namespace {
    pub(crate) fn new() -> Self {
        let file = thread::spawn(|| {
            new_namespace();
            File::open(format!(
                "/proc/self/task/{}/ns/net",
                gettid().as_raw_nonzero()
            ))
            .unwrap()
        });
        Self(file.join().unwrap())
    }

    /// A path to it, like `/proc/<pid>/ns/net` of a real pod.
    pub(crate) fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.0.as_raw_fd()).into()
    }

    /// Runs `work` inside.
    pub(crate) fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let visitor = scope.spawn(|| {
                move_into_link_name_space(self.0.as_fd(), Some(LinkNameSpaceType::Network))
                    .unwrap();
                work()
            });
            visitor.join().unwrap()
        })
    }

    /// Starts a TCP server inside that tells every client the address it came from.
    pub(crate) fn serve_tcp(&self, port: u16) {
        let listener = self.enter(|| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).unwrap());
        serve(listener);
    }
}

/// Starts a server that tells every client the address it came from.
pub(crate) fn serve(listener: TcpListener) {
    thread::spawn(move || {
        while let Ok((mut stream, peer)) = listener.accept() {
            let _ = stream.write_all(peer.ip().to_string().as_bytes());
        }
    });
}

/// Starts a UDP server in the namespace that echoes.
pub(crate) fn serve_udp(namespace: &Namespace, port: u16) {
    let socket = namespace.enter(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).unwrap());
    thread::spawn(move || {
        let mut buffer = [0; 64];
        while let Ok((length, peer)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(&buffer[..length], peer);
        }
    });
}

/// Connects from the current namespace; answers the client address the server saw.
pub(crate) fn seen_by(address: Ipv4Addr, port: u16) -> std::io::Result<Ipv4Addr> {
    let target = SocketAddr::V4(SocketAddrV4::new(address, port));
    let mut stream = TcpStream::connect_timeout(&target, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    text.parse().map_err(std::io::Error::other)
}

/// Like [`seen_by`] for a connection that should not come about.
pub(crate) fn is_unreachable(address: Ipv4Addr, port: u16) -> bool {
    let target = SocketAddr::V4(SocketAddrV4::new(address, port));
    TcpStream::connect_timeout(&target, Duration::from_millis(300)).is_err()
}

/// A second machine, 192.0.2.2, on a wire to the current "host", 192.0.2.1, which is its default
/// route out. The world has no route to the pods, so an answer proves masquerading.
pub(crate) fn world() -> Namespace {
    let world = Namespace::new();
    // `ip` wants a pid or a name for the far end; a child that waits inside serves as pid.
    let mut holder = world.enter(|| Command::new("sleep").arg("60").spawn().unwrap());
    ip(&format!(
        "link add wan0 type veth peer name wan0 netns {}",
        holder.id()
    ));
    holder.kill().unwrap();
    holder.wait().unwrap();
    ip("address add 192.0.2.1/24 dev wan0");
    ip("link set wan0 up");
    world.enter(|| {
        ip("link set lo up");
        ip("address add 192.0.2.2/24 dev wan0");
        ip("link set wan0 up");
    });
    ip("route add default via 192.0.2.2");
    world
}

/// Whether an interface exists in the current namespace.
pub(crate) fn has_interface(name: &str) -> bool {
    fs::read_to_string("/proc/thread-self/net/dev")
        .unwrap()
        .lines()
        .any(|line| line.trim_start().starts_with(&format!("{name}:")))
}

/// Waits until `condition` holds.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + PATIENCE;
    while !condition() {
        assert!(
            std::time::Instant::now() < deadline,
            "{what}: not within {PATIENCE:?}"
        );
        thread::sleep(Duration::from_millis(5));
    }
}
