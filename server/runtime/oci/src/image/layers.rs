//! Unpacked layers, ready to be stacked.
//!
//! ```text
//! layers/<chain id>/fs        what overlayfs sees
//! layers/<chain id>/complete  written and synced last
//! staging/<n>/                a layer being unpacked, or one being deleted
//! ```
//!
//! A layer moves into `layers/` in one rename, after the file system it lies on was synced and its marker
//! written, so after a crash it is there whole or not at all. The chain id covers the layers below too:
//! directories the archive does not list take their attributes from there.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::content::{sync_dir, verify_digest, write_atomically};
use super::digest::{Algorithm, Digest};
use super::error::{At, ImageError};
use super::scoped::ScopedDir;
use super::tree;
use super::unpack::{LayerLimits, unpack};

const MARKER: &str = "complete";

pub(crate) struct Layers {
    layers: PathBuf,
    staging: PathBuf,
    next_staging: AtomicU64,
}

/// Which layer to make, and of what.
#[derive(Debug, Clone)]
pub(crate) struct LayerPlan {
    pub(crate) diff_id: Digest,
    /// The chain ids of the image, bottom layer first.
    chain: Arc<[Digest]>,
    /// Which of them this is.
    position: usize,
}

impl LayerPlan {
    /// The plans for a whole image, bottom layer first.
    pub(crate) fn stack(diff_ids: &[Digest]) -> Vec<Self> {
        let chain = chain_ids(diff_ids);
        let plan = |(position, diff_id): (usize, &Digest)| Self {
            diff_id: diff_id.clone(),
            chain: Arc::clone(&chain),
            position,
        };
        diff_ids.iter().enumerate().map(plan).collect()
    }

    pub(crate) fn chain_id(&self) -> &Digest {
        &self.chain[self.position]
    }

    /// The layers below, nearest first.
    fn below(&self) -> impl Iterator<Item = &Digest> {
        self.chain[..self.position].iter().rev()
    }
}

/// The names of layers with all that is below them, bottom first.
pub(crate) fn chain_ids(diff_ids: &[Digest]) -> Arc<[Digest]> {
    let mut chain: Vec<Digest> = Vec::with_capacity(diff_ids.len());
    for diff_id in diff_ids {
        chain.push(match chain.last() {
            Some(below) => Digest::of(format!("{below} {diff_id}").as_bytes()),
            None => diff_id.clone(),
        });
    }
    chain.into()
}

impl Layers {
    /// Opens the store below `root` and sweeps layers that are not whole.
    pub(crate) fn open(root: &Path) -> Result<Self, ImageError> {
        let layers = root.join("layers");
        let staging = root.join("staging");
        for dir in [&layers, &staging] {
            fs::create_dir_all(dir).at("create", dir)?;
        }
        sweep(&staging, |_| true)?;
        sweep(&layers, |layer| !layer.join(MARKER).is_file())?;
        Ok(Self {
            layers,
            staging,
            next_staging: AtomicU64::new(0),
        })
    }

    /// The directory overlayfs stacks.
    pub(crate) fn fs_path(&self, chain_id: &Digest) -> PathBuf {
        self.layer(chain_id).join("fs")
    }

    pub(crate) fn contains(&self, chain_id: &Digest) -> bool {
        self.layer(chain_id).join(MARKER).is_file()
    }

    /// Unpacks `blob` and makes the layer visible. Blocking; `cancel` stops it soon.
    pub(crate) fn unpack(
        &self,
        plan: &LayerPlan,
        blob: File,
        limits: LayerLimits,
        cancel: &Arc<AtomicBool>,
    ) -> Result<(), ImageError> {
        let staged = Staged::new(self.staging_path())?;
        let fs_dir = staged.path.join("fs");
        fs::create_dir(&fs_dir).at("create", &fs_dir)?;
        let root = ScopedDir::open(&fs_dir).at("open", &fs_dir)?;
        let lowers = plan.below().map(|chain| self.fs_path(chain)).collect();
        let unpacked = unpack(blob, root, lowers, limits, cancel)?;
        verify_digest("unpacked layer", &plan.diff_id, &unpacked.diff_id)?;
        let record = format!(
            "{{\"diff_id\":\"{}\",\"size\":{}}}\n",
            plan.diff_id, unpacked.size
        );
        staged.publish(&self.layer(plan.chain_id()), record.as_bytes())
    }

    /// Takes a layer out of sight at once; returns where it waits for [`tree::remove`].
    pub(crate) fn detach(&self, chain_id: &Digest) -> Result<Option<PathBuf>, ImageError> {
        let trash = self.staging_path();
        match fs::rename(self.layer(chain_id), &trash) {
            Ok(()) => Ok(Some(trash)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).at("remove", &self.layer(chain_id)),
        }
    }

    pub(crate) fn list(&self) -> Result<Vec<Digest>, ImageError> {
        let mut chain_ids = Vec::new();
        for entry in fs::read_dir(&self.layers).at("list", &self.layers)? {
            let name = entry.at("list", &self.layers)?.file_name();
            let chain_id = name
                .to_str()
                .map(|n| Digest::from_hex(Algorithm::Sha256, n));
            chain_ids.extend(chain_id.and_then(Result::ok));
        }
        Ok(chain_ids)
    }

    fn layer(&self, chain_id: &Digest) -> PathBuf {
        self.layers.join(chain_id.hex())
    }

    fn staging_path(&self) -> PathBuf {
        let number = self.next_staging.fetch_add(1, Ordering::Relaxed);
        self.staging.join(number.to_string())
    }
}

/// A layer on its way in; dropping it removes every trace.
struct Staged {
    path: PathBuf,
    published: bool,
}

impl Staged {
    fn new(path: PathBuf) -> Result<Self, ImageError> {
        fs::create_dir(&path).at("create", &path)?;
        Ok(Self {
            path,
            published: false,
        })
    }

    fn publish(mut self, layer: &Path, record: &[u8]) -> Result<(), ImageError> {
        // One sync of the file system instead of one per file; the marker must not be older than the data.
        let dir = File::open(&self.path).at("open", &self.path)?;
        rustix::fs::syncfs(&dir).at("sync", &self.path)?;
        write_atomically(&self.path.join(MARKER), record)?;
        fs::rename(&self.path, layer).at("publish", layer)?;
        self.published = true;
        match layer.parent() {
            Some(layers) => sync_dir(layers),
            None => Ok(()),
        }
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.published {
            // What cannot be removed now is swept when the store is opened next.
            let _ = remove_path(&self.path);
        }
    }
}

fn sweep(dir: &Path, is_waste: impl Fn(&Path) -> bool) -> Result<(), ImageError> {
    for entry in fs::read_dir(dir).at("list", dir)? {
        let path = entry.at("list", dir)?.path();
        if is_waste(&path) {
            remove_path(&path)?;
        }
    }
    Ok(())
}

/// Removes a whole tree by its path.
pub(crate) fn remove_path(path: &Path) -> Result<(), ImageError> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(());
    };
    let name = std::ffi::CString::new(name.as_encoded_bytes()).at("remove", path)?;
    match File::open(parent) {
        Ok(parent) => tree::remove(&parent, &name).at("remove", path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).at("open", parent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::test_archive::Archive;
    use std::io::Write;

    const LIMITS: LayerLimits = LayerLimits {
        bytes: 1 << 20,
        entries: 10,
    };

    fn archive() -> Vec<u8> {
        let mut archive = Archive::new();
        archive.add("a", |e| e.data(b"x"));
        archive.finish()
    }

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        io::Seek::rewind(&mut file).unwrap();
        file
    }

    #[test]
    fn chain_ids_are_those_of_the_specification() {
        let [a, b] = [b"a", b"b"].map(|content| Digest::of(content));
        let plans = LayerPlan::stack(&[a.clone(), b.clone()]);
        assert_eq!(*plans[0].chain_id(), a);
        let both = Digest::of(format!("{a} {b}").as_bytes());
        assert_eq!(*plans[1].chain_id(), both);
        assert!(plans[1].below().eq([&a]));
    }

    #[test]
    fn a_layer_with_another_diff_id_is_never_seen() {
        let root = tempfile::tempdir().unwrap();
        let layers = Layers::open(root.path()).unwrap();
        let plan = &LayerPlan::stack(&[Digest::of(b"something else")])[0];
        let error = layers
            .unpack(plan, file(&archive()), LIMITS, &Arc::default())
            .unwrap_err();
        assert!(matches!(error, ImageError::VerificationFailed { .. }));
        assert!(!layers.contains(plan.chain_id()));
        assert_eq!(
            fs::read_dir(root.path().join("staging")).unwrap().count(),
            0
        );
    }

    #[test]
    fn a_layer_without_its_marker_is_swept() {
        let root = tempfile::tempdir().unwrap();
        let bytes = archive();
        let plan = &LayerPlan::stack(&[Digest::of(&bytes)])[0];
        let layers = Layers::open(root.path()).unwrap();
        layers
            .unpack(plan, file(&bytes), LIMITS, &Arc::default())
            .unwrap();
        let reopened = Layers::open(root.path()).unwrap();
        assert!(reopened.contains(plan.chain_id()));
        assert_eq!(
            reopened.list().unwrap(),
            std::slice::from_ref(plan.chain_id())
        );
        let layer = root.path().join("layers").join(plan.chain_id().hex());
        fs::remove_file(layer.join(MARKER)).unwrap();
        let half = root.path().join("staging/7/fs");
        fs::create_dir_all(half.join("deep")).unwrap();
        assert!(!reopened.contains(plan.chain_id()));
        assert!(
            Layers::open(root.path())
                .unwrap()
                .list()
                .unwrap()
                .is_empty()
        );
        assert!(!layer.exists() && !half.exists());
    }

    #[test]
    fn a_detached_layer_is_gone_before_it_is_deleted() {
        let root = tempfile::tempdir().unwrap();
        let bytes = archive();
        let plan = &LayerPlan::stack(&[Digest::of(&bytes)])[0];
        let layers = Layers::open(root.path()).unwrap();
        layers
            .unpack(plan, file(&bytes), LIMITS, &Arc::default())
            .unwrap();
        let trash = layers.detach(plan.chain_id()).unwrap().unwrap();
        assert!(trash.join("fs/a").exists() && !layers.contains(plan.chain_id()));
        remove_path(&trash).unwrap();
        assert!(!trash.exists());
        assert_eq!(layers.detach(plan.chain_id()).unwrap(), None);
    }
}
