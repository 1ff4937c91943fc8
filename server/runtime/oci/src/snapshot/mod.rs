//! Container root file systems: the layers of an image under a writable one.
//!
//! ```text
//! <dir>/rootfs   where older kernels mount that for a moment
//! <dir>/upper    what it wrote
//! <dir>/work     overlayfs's own
//! ```
//!
//! Preparing is a handful of system calls and no sync. A record (a symlink in the store, named after the
//! image and pointing at the directory) is made first and removed last, so that after a crash every
//! directory that may hold something is known and its image stays. What a container writes is
//! deliberately not durable: it never outlives its container, so the mount skips all syncing.
//!
//! The mount is handed over as a descriptor and is attached in the container's own mount namespace: nothing
//! on the host has to look through the mounts of all containers, and the kernel takes it away with the
//! last process of the container, whoever else has died meanwhile.
//!
//! These functions block, for well under a millisecond except when there is much to delete.

mod mount;
mod records;
mod skeleton;
pub mod user;

use std::fs::{self, DirBuilder};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tracing::warn;

use crate::image::{At, Digest, ImageError, ImageStore, Inner, not_present, remove_path};
use mount::Overlay;
pub(crate) use records::recorded_uses;
pub(crate) use skeleton::make as make_skeleton;

/// Makes and removes container root file systems on top of one image store.
#[derive(Clone)]
pub struct Snapshots {
    store: ImageStore,
}

impl ImageStore {
    /// Root file systems from these images.
    pub fn snapshots(&self) -> Snapshots {
        Snapshots {
            store: self.clone(),
        }
    }
}

impl Snapshots {
    /// Makes a fresh root file system of `image` (its id) in `dir`, mounted nowhere: whoever holds the
    /// descriptor may attach it in any mount namespace. It has what a container needs to mount upon
    /// (`/proc`, `/etc/hosts` …) even if the image has not. An earlier snapshot there is removed first;
    /// its container must have ended.
    ///
    /// # Errors
    /// [`ImageError::NotPresent`], [`ImageError::Storage`]. Nothing is left behind.
    pub fn prepare_detached(&self, image: &Digest, dir: &Path) -> Result<OwnedFd, ImageError> {
        if self.image_below(dir).is_some() {
            self.unmount_and_remove(dir)?;
        }
        let inner = &self.store.inner;
        let mut layers = claim(inner, image, dir)?;
        let begun = records::add(&inner.root, image, dir).and_then(|()| create_private(dir));
        if let Err(error) = begun {
            // What stands there instead is not ours to remove.
            self.release(image, dir)?;
            return Err(error);
        }
        make_directories(dir, layers.first())
            .and_then(|()| {
                layers.push(skeleton::path(&inner.root));
                Overlay { dir, layers }.mount()
            })
            .inspect_err(|_| self.clean_up(dir))
    }

    fn clean_up(&self, dir: &Path) {
        if let Err(error) = self.unmount_and_remove(dir) {
            warn!(dir = %dir.display(), %error, "failed snapshot not cleaned up");
        }
    }

    /// Unmounts and deletes the snapshot in `dir` with the directory itself. One that is gone, or that was
    /// never made, is fine.
    ///
    /// # Errors
    /// [`ImageError::Storage`], for instance when something else is mounted in there.
    pub fn unmount_and_remove(&self, dir: &Path) -> Result<(), ImageError> {
        mount::unmount_all(&dir.join("rootfs"))?;
        remove_path(dir)?;
        match self.image_below(dir) {
            Some(image) => self.release(&image, dir),
            None => Ok(()),
        }
    }

    fn release(&self, image: &Digest, dir: &Path) -> Result<(), ImageError> {
        let inner = &self.store.inner;
        records::remove(&inner.root, image, dir)?;
        inner.state.lock().uses.remove(dir);
        Ok(())
    }

    /// The image the snapshot in `dir` stands on.
    pub fn image_below(&self, dir: &Path) -> Option<Digest> {
        self.store.inner.state.lock().uses.get(dir).cloned()
    }
}

/// Marks the image as used and returns its layers, topmost first. In one step, so that the image cannot be
/// removed in between.
fn claim(inner: &Inner, image: &Digest, dir: &Path) -> Result<Vec<PathBuf>, ImageError> {
    let mut state = inner.state.lock();
    let known = state.index.images.contains_key(image);
    let chain_ids = match state.loaded.get(image) {
        Some(loaded) if known => loaded.chain_ids.clone(),
        _ => return Err(not_present(&image.to_string())),
    };
    state.uses.insert(dir.to_owned(), image.clone());
    let layers = chain_ids.iter().rev().map(|id| inner.layers.fs_path(id));
    Ok(layers.collect())
}

/// Setuid programs that the container makes must not be reachable by other users of the machine.
fn create_private(dir: &Path) -> Result<(), ImageError> {
    DirBuilder::new().mode(0o700).create(dir).at("create", dir)
}

fn make_directories(dir: &Path, top_layer: Option<&PathBuf>) -> Result<(), ImageError> {
    for name in ["upper", "work"] {
        create_private(&dir.join(name))?;
    }
    // The root directory looks as in the image; overlayfs shows that of the upper layer.
    let upper = dir.join("upper");
    let (mode, uid, gid) = match top_layer {
        Some(layer) => {
            let metadata = fs::metadata(layer).at("read", layer)?;
            (metadata.mode() & 0o7777, metadata.uid(), metadata.gid())
        }
        None => (0o755, 0, 0),
    };
    std::os::unix::fs::chown(&upper, Some(uid), Some(gid)).at("own", &upper)?;
    fs::set_permissions(&upper, fs::Permissions::from_mode(mode)).at("protect", &upper)
}

#[cfg(test)]
mod tests;
