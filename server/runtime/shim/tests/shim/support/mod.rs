//! A sandbox with busybox in it, and a client that speaks the protocol with blocking calls.

mod bundle;
pub(crate) mod client;
pub(crate) mod machine;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use lifepod_shim::{
    ExitRecord, SandboxConfig, SandboxDir,
    cgroup::{Cgroup, Layout},
    protocol::{Call, CreateContainer, Ready, Started},
};

pub(crate) use bundle::Bundle;
pub(crate) use client::Client;
pub(crate) use machine::leftovers;

/// Longer than anything here takes on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// One sandbox in a temporary directory. Dropping it kills whatever is left.
pub(crate) struct Sandbox {
    temp: tempfile::TempDir,
    pub(crate) dir: SandboxDir,
    pub(crate) config: SandboxConfig,
    pub(crate) ready: Ready,
    layout: Layout,
}

impl Sandbox {
    pub(crate) fn start() -> Self {
        Self::start_with(|_| {})
    }

    pub(crate) fn start_with(change: impl FnOnce(&mut SandboxConfig)) -> Self {
        assert!(
            rustix::process::geteuid().is_root(),
            "these tests make containers: run them as root"
        );
        let temp = tempfile::tempdir().unwrap();
        let dir = SandboxDir::new(temp.path().join("sandbox"));
        fs::create_dir(dir.path()).unwrap();
        let name = temp
            .path()
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .trim_start_matches('.')
            .to_owned();
        let mut config = SandboxConfig {
            id: name.clone(),
            hostname: Some("pod-name".to_owned()),
            cgroup_parent: format!("/lifepod-test/{name}"),
            ..SandboxConfig::default()
        };
        change(&mut config);
        fs::write(dir.config(), serde_json::to_vec(&config).unwrap()).unwrap();
        let output = run_shim(dir.path());
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let ready = serde_json::from_slice(&output.stdout).unwrap();
        Self {
            temp,
            dir,
            config,
            ready,
            layout: Layout::detect().unwrap(),
        }
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.dir)
    }

    /// A bundle that runs a shell command.
    pub(crate) fn bundle(&self, id: &str, script: &str) -> Bundle {
        Bundle::new(
            self.temp.path(),
            &self.config,
            &self.ready,
            id,
            &["/bin/sh", "-c", script],
        )
    }

    pub(crate) fn log_path(&self, id: &str) -> PathBuf {
        self.temp.path().join(format!("{id}.log"))
    }

    /// A request that creates the container of a bundle.
    pub(crate) fn create_call(&self, bundle: &Bundle) -> CreateContainer {
        CreateContainer {
            rootfs: false,
            id: bundle.id.clone(),
            bundle: bundle.write(),
            log: Some(self.log_path(&bundle.id)),
            stdin: false,
            stdin_once: false,
        }
    }

    /// Creates and starts a shell command in a container.
    pub(crate) fn run(&self, client: &mut Client, id: &str, script: &str) -> Started {
        let call = self.create_call(&self.bundle(id, script));
        client.started(Call::Create(call))
    }

    /// Runs a shell command to its end.
    pub(crate) fn run_to_end(&self, id: &str, script: &str) -> ExitRecord {
        let mut client = self.client();
        self.run(&mut client, id, script);
        client.wait_container_exit(id)
    }

    /// The log's lines as `(stream, tag, content)`.
    pub(crate) fn log(&self, id: &str) -> Vec<(String, String, String)> {
        let text = fs::read_to_string(self.log_path(id)).unwrap();
        text.lines().map(parse_log_line).collect()
    }

    pub(crate) fn pod_cgroup(&self) -> Cgroup {
        Cgroup::new(&self.config.cgroup_parent).unwrap()
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Ends the sandbox the way the server does and checks that nothing is left.
    pub(crate) fn shut_down(self) {
        self.client().done(Call::Shutdown);
        wait_until("the shim is gone", || !alive(self.ready.pid));
        assert_eq!(leftovers(&self.config.cgroup_parent), Vec::<String>::new());
        assert!(!self.dir.socket().exists());
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let pod = self.pod_cgroup();
        if let Some(pid) =
            rustix::process::Pid::from_raw(self.ready.pid).filter(|_| alive(self.ready.pid))
        {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        let until = Instant::now() + DEADLINE;
        while Instant::now() < until {
            let _ = pod.signal_all(&self.layout, 9);
            if pod.remove(&self.layout).unwrap_or(true) {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        if let Some(parent) = pod.parent() {
            parent.remove_if_unused(&self.layout);
        }
    }
}

fn parse_log_line(line: &str) -> (String, String, String) {
    let mut parts = line.splitn(4, ' ');
    let stamp = parts.next().unwrap();
    assert!(
        stamp.ends_with('Z') && stamp.len() == "2016-10-06T00:17:09.669794202Z".len(),
        "{line}"
    );
    let mut next = || parts.next().unwrap().to_owned();
    (next(), next(), next())
}

/// Runs the shim binary on a directory and waits until its starter is done.
pub(crate) fn run_shim(dir: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lifepod-shim"))
        .arg("--sandbox")
        .arg(dir)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

pub(crate) fn alive(pid: i32) -> bool {
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => !stat
            .rsplit_once(") ")
            .is_some_and(|(_, rest)| rest.starts_with('Z')),
        Err(_) => false,
    }
}

/// Waits for a condition; panics with its name when it does not come.
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < until, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
