//! A containerd of our own, driven by `ctr`.

use super::{Contender, Place, Result, bundle};
use anyhow::{Context, ensure};
use lifepod_tests::fixtures::Image;
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs::{self, File},
    os::unix::net::UnixStream,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

const IMAGE: &str = "lifepod.bench/busybox:1";
const PATIENCE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(5);

pub(crate) struct Containerd {
    place: Place,
    process: Child,
}

impl Containerd {
    pub(crate) fn new(place: &Place, image: &Image) -> Result<Self> {
        let place = place.of("containerd")?;
        let config = place.folder.join("config.toml");
        fs::write(&config, configuration(&place))?;
        let log = File::create(place.folder.join("daemon.log"))?;
        let process = Command::new("containerd")
            .arg("--config")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot start containerd")?;
        let containerd = Self { place, process };
        containerd.await_socket()?;
        let archive = containerd.place.folder.join("image.tar");
        image.write_oci_archive(&archive)?;
        let mut import = containerd.ctr(&["image", "import", "--index-name", IMAGE]);
        containerd.place.run(import.arg(archive))?;
        Ok(containerd)
    }

    fn await_socket(&self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while UnixStream::connect(self.place.folder.join("sock")).is_err() {
            ensure!(Instant::now() < deadline, "containerd does not listen");
            thread::sleep(POLL);
        }
        Ok(())
    }

    fn ctr(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("ctr");
        command.arg("--address").arg(self.place.folder.join("sock"));
        command.args(arguments);
        command
    }
}

fn configuration(place: &Place) -> String {
    let folder = place.folder.display();
    format!(
        "version = 2\nroot = \"{folder}/root\"\nstate = \"{folder}/state\"\n\
         disabled_plugins = [\"io.containerd.grpc.v1.cri\", \"io.containerd.internal.v1.opt\"]\n\
         [grpc]\naddress = \"{folder}/sock\"\n"
    )
}

impl Contender for Containerd {
    fn name(&self) -> &'static str {
        "containerd, ctr run -d"
    }

    fn every_round(&self) -> bool {
        false
    }

    fn start(&self, id: &str) -> Result<()> {
        let mut run = self.ctr(&["run", "--detach", "--snapshotter", "overlayfs"]);
        run.args(["--runc-binary", "crun", "--runc-root"]);
        run.arg(self.place.folder.join("crun"));
        run.args(["--cgroup", &format!("/{}/{id}", self.place.cgroup)]);
        run.args(["--cpus", bundle::CPU, "--memory-limit"]);
        run.arg(bundle::MEMORY_BYTES.to_string());
        self.place.run(run.args([IMAGE, id]).args(bundle::PROGRAM))
    }

    fn exec(&self, id: &str) -> Result<bool> {
        let exec = ["task", "exec", "--exec-id", "x", id, "true"];
        self.place.run(&mut self.ctr(&exec))?;
        Ok(true)
    }

    fn remove(&self, id: &str) -> Result<()> {
        self.place
            .run(&mut self.ctr(&["task", "rm", "--force", id]))?;
        self.place.run(&mut self.ctr(&["container", "rm", id]))
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        let pid = i32::try_from(self.process.id())
            .ok()
            .and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::TERM);
        }
        let deadline = Instant::now() + PATIENCE;
        while matches!(self.process.try_wait(), Ok(None)) && Instant::now() < deadline {
            thread::sleep(POLL);
        }
        // Both fail only when it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
        for socket_folder in ["s", "fifo", "runc", ""] {
            // Of its own accord it makes these for all containerds; used ones stay.
            let _ = fs::remove_dir(format!("/run/containerd/{socket_folder}"));
        }
    }
}
