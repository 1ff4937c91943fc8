//! What every container needs to mount upon, as one more layer below all others.
//!
//! An image seldom has these, and the runtime would make them in each container's own layer: half a dozen
//! files and directories per start. Whatever an image does have is above, and wins.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::image::{At, ImageError};

const DIRECTORIES: [&str; 4] = ["dev", "etc", "proc", "sys"];
const FILES: [&str; 3] = ["etc/hostname", "etc/hosts", "etc/resolv.conf"];

/// The layer in the store at `root`.
pub(super) fn path(root: &Path) -> PathBuf {
    root.join("skeleton")
}

/// Makes the layer, or what is missing of it.
pub(crate) fn make(root: &Path) -> Result<(), ImageError> {
    let base = path(root);
    for name in DIRECTORIES {
        let directory = base.join(name);
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(&directory)
            .at("create", &directory)?;
    }
    for name in FILES {
        let file = base.join(name);
        if !fs::exists(&file).at("look for", &file)? {
            File::create(&file).at("create", &file)?;
        }
    }
    Ok(())
}
