//! podman on its command line, with storage of its own. Without a network, because its plug-ins
//! are often not installed.

use super::{Contender, Place, Result, bundle};
use lifepod_tests::fixtures::Image;
use std::{fs, process::Command};

pub(crate) struct Podman {
    place: Place,
    image: String,
}

impl Podman {
    pub(crate) fn new(place: &Place, image: &Image) -> Result<Self> {
        let place = place.of("podman")?;
        let archive = place.folder.join("image.tar");
        image.write_oci_archive(&archive)?;
        let podman = Self {
            image: image.config_digest().replace("sha256:", ""),
            place,
        };
        let mut load = podman.command(&["load", "--quiet", "--input"]);
        podman.place.run(load.arg(archive))?;
        Ok(podman)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let folder = |name: &str| self.place.folder.join(name);
        let mut command = Command::new("podman");
        command.arg("--root").arg(folder("root"));
        command.arg("--runroot").arg(folder("run"));
        command.arg("--tmpdir").arg(folder("tmp"));
        command.args(["--storage-driver", "overlay", "--runtime", "crun"]);
        command.args(["--cgroup-manager", "cgroupfs", "--events-backend", "none"]);
        command.args(arguments);
        command
    }
}

impl Contender for Podman {
    fn name(&self) -> &'static str {
        "podman run -d"
    }

    fn every_round(&self) -> bool {
        false
    }

    fn start(&self, id: &str) -> Result<()> {
        let mut run = self.command(&["run", "--detach", "--network", "none", "--name", id]);
        run.args(["--cgroup-parent", &format!("/{}", self.place.cgroup)]);
        run.args(["--cpus", bundle::CPU, "--memory"]);
        run.arg(bundle::MEMORY_BYTES.to_string());
        // It wants higher ones than machines always allow.
        run.args([
            "--ulimit",
            "nofile=1024:1024",
            "--ulimit",
            "nproc=4096:4096",
        ]);
        self.place.run(run.arg(&self.image).args(bundle::PROGRAM))
    }

    fn exec(&self, id: &str) -> Result<bool> {
        self.place.run(&mut self.command(&["exec", id, "true"]))?;
        Ok(true)
    }

    fn remove(&self, id: &str) -> Result<()> {
        self.place
            .run(&mut self.command(&["rm", "--force", "--time", "5", id]))
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        // Unmounts its storage, which has become a mount point, so that the folder can go.
        let root = self.place.folder.join("root/overlay");
        let _ = rustix::mount::unmount(&root, rustix::mount::UnmountFlags::DETACH);
        let _ = fs::remove_dir_all(&self.place.folder);
    }
}
