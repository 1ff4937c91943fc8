//! libcontainer, one single-threaded process per container.

use super::{Bundles, Contender, Place};
use anyhow::Result;
use lifepod_tests::fixtures::Image;
use std::{path::PathBuf, process::Command};

pub(crate) struct Libcontainer {
    place: Place,
    bundles: Bundles,
    program: PathBuf,
}

impl Libcontainer {
    pub(crate) fn new(place: &Place, image: &Image) -> Result<Self> {
        let place = place.of("libcontainer")?;
        let bundles = Bundles::new(&place, image)?;
        let program = std::env::current_exe()?;
        Ok(Self {
            place,
            bundles,
            program,
        })
    }

    fn command(&self, id: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("libcontainer").arg("--root");
        command
            .arg(self.place.folder.join("state"))
            .args(["--id", id]);
        command
    }
}

impl Contender for Libcontainer {
    fn name(&self) -> &'static str {
        "libcontainer"
    }

    fn prepare(&self, id: &str) -> Result<()> {
        self.bundles.write(id)
    }

    fn start(&self, id: &str) -> Result<()> {
        let mut command = self.command(id);
        self.place.run(command.arg("run").arg(self.bundles.of(id)))
    }

    fn remove(&self, id: &str) -> Result<()> {
        self.place.run(self.command(id).arg("delete"))
    }
}
