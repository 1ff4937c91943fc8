//! crun on its command line: `create`, then `start`.

use super::{Bundles, Contender, Place};
use anyhow::Result;
use lifepod_tests::fixtures::Image;
use std::process::Command;

pub(crate) struct Crun {
    place: Place,
    bundles: Bundles,
}

impl Crun {
    pub(crate) fn new(place: &Place, image: &Image) -> Result<Self> {
        let place = place.of("crun")?;
        let bundles = Bundles::new(&place, image)?;
        Ok(Self { place, bundles })
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new("crun");
        command
            .arg("--root")
            .arg(self.place.folder.join("state"))
            .arg(verb);
        command
    }
}

impl Contender for Crun {
    fn name(&self) -> &'static str {
        "crun"
    }

    fn prepare(&self, id: &str) -> Result<()> {
        self.bundles.write(id)
    }

    fn start(&self, id: &str) -> Result<()> {
        let mut create = self.command("create");
        create.arg("--bundle").arg(self.bundles.of(id)).arg(id);
        self.place.run(&mut create)?;
        self.place.run(self.command("start").arg(id))
    }

    fn exec(&self, id: &str) -> Result<bool> {
        self.place.run(self.command("exec").args([id, "true"]))?;
        Ok(true)
    }

    fn remove(&self, id: &str) -> Result<()> {
        self.place.run(self.command("delete").args(["--force", id]))
    }
}
