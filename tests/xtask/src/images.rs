//! The test images.

use crate::steps;
use anyhow::{Context, Result};
use lifepod_tests::fixtures::{self, Image};
use std::path::PathBuf;

/// Make the images that tests and demo use, and say where they are
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Also write each as an OCI archive into this folder, to load them elsewhere
    #[arg(long, value_name = "FOLDER")]
    archives: Option<PathBuf>,
}

#[expect(
    clippy::print_stdout,
    reason = "the folders are what this command is for"
)]
pub(crate) fn run(args: &Args) -> Result<()> {
    type Recipe = fn() -> Result<Image>;
    for (name, recipe) in [
        ("busybox", fixtures::busybox as Recipe),
        ("nginx", fixtures::nginx),
    ] {
        let image = steps::step(&format!("image {name}"), recipe)?;
        println!("{name} {} {}", image.digest, image.folder().display());
        if let Some(folder) = &args.archives {
            let file = folder.join(format!("{name}.tar"));
            image
                .write_oci_archive(&file)
                .with_context(|| format!("cannot archive {name}"))?;
        }
    }
    Ok(())
}
