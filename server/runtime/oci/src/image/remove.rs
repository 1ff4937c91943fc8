//! Takes images away, and what nothing refers to any more.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::blocking::blocking;
use super::digest::Digest;
use super::error::ImageError;
use super::index::Index;
use super::layers::remove_path;
use super::reference::Reference;
use super::store::{ImageStore, Inner, State, not_present};

/// What a removal did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    /// Names that no longer lead anywhere.
    pub untagged: Vec<String>,
    /// The image, if its last tag went.
    pub deleted: Option<Digest>,
}

impl ImageStore {
    /// Removes a tag, and the image with its last tag; an id or a digest removes the image with all names.
    ///
    /// # Errors
    /// [`ImageError::NotPresent`]; [`ImageError::InUse`] when the image itself would go while a snapshot
    /// stands on it.
    pub async fn remove(&self, image: &str) -> Result<Removed, ImageError> {
        let inner = Arc::clone(&self.inner);
        let image = image.to_owned();
        blocking(move || {
            let removed = inner.remove(&image)?;
            if removed.deleted.is_some() {
                inner.collect_garbage()?;
            }
            Ok(removed)
        })
        .await
    }

    /// Deletes content that no image refers to and no pull is working on, such as the layers of a pull that
    /// failed. Removing an image and opening the store do this too.
    ///
    /// # Errors
    /// [`ImageError::Storage`].
    pub async fn collect_garbage(&self) -> Result<(), ImageError> {
        let inner = Arc::clone(&self.inner);
        blocking(move || inner.collect_garbage()).await
    }
}

impl Inner {
    fn remove(&self, image: &str) -> Result<Removed, ImageError> {
        let _commit = self.commit.lock();
        let (before, after, removed) = {
            let mut state = self.state.lock();
            let before = Arc::clone(&state.index);
            let mut after = Index::clone(&before);
            let removed = remove_from(&mut after, image)?;
            if let Some(id) = &removed.deleted {
                refuse_used(&state, image, id)?;
            }
            let after = Arc::new(after);
            // Out of sight first: from here on no snapshot can be prepared from it.
            state.index = Arc::clone(&after);
            (before, after, removed)
        };
        if let Err(error) = after.write(&self.root) {
            self.state.lock().index = before;
            return Err(error);
        }
        if let Some(id) = &removed.deleted {
            self.state.lock().loaded.remove(id);
        }
        Ok(removed)
    }

    /// Deletes what is neither referred to nor leased.
    pub(crate) fn collect_garbage(&self) -> Result<(), ImageError> {
        // A pull leases before it looks, and publishes before it lets go: with leases and index both held
        // still, what is in neither is waste.
        let mut trash: Vec<PathBuf> = Vec::new();
        {
            let _commit = self.commit.lock();
            let leases = self.leases.freeze();
            let (blobs, layers) = {
                let state = self.state.lock();
                (state.referenced_blobs(), state.referenced_layers())
            };
            let is_waste = |digest: &Digest, live: &HashSet<Digest>| {
                !live.contains(digest) && !leases.contains_key(digest)
            };
            for digest in self.blobs.list()? {
                if is_waste(&digest, &blobs) {
                    self.blobs.delete(&digest)?;
                }
            }
            for chain_id in self.layers.list()? {
                if is_waste(&chain_id, &layers) {
                    trash.extend(self.layers.detach(&chain_id)?);
                }
            }
        }
        for path in trash {
            remove_path(&path)?;
        }
        Ok(())
    }
}

impl State {
    /// Manifests and configs of all images.
    pub(crate) fn referenced_blobs(&self) -> HashSet<Digest> {
        let images = self.index.images.iter();
        images
            .flat_map(|(id, record)| [id.clone(), record.manifest.clone()])
            .collect()
    }

    /// Chain ids of all images. (Not to be mixed with blobs: that of a bottom layer is also the digest of
    /// its uncompressed archive.)
    fn referenced_layers(&self) -> HashSet<Digest> {
        let images = self.index.images.keys();
        images
            .filter_map(|id| self.loaded.get(id))
            .flat_map(|loaded| loaded.chain_ids.iter().cloned())
            .collect()
    }
}

fn remove_from(index: &mut Index, image: &str) -> Result<Removed, ImageError> {
    let id = index.find(image)?.ok_or_else(|| not_present(image))?;
    let (tags, digests) = index.names_of(&id);
    let tag = Reference::parse(image).ok().and_then(|r| r.tag_name());
    if let Some(tag) = tag
        && tags.contains(&tag)
        && tags.len() > 1
    {
        index.names.remove(&tag);
        return Ok(Removed {
            untagged: vec![tag],
            deleted: None,
        });
    }
    index.delete(&id);
    Ok(Removed {
        untagged: tags.into_iter().chain(digests).collect(),
        deleted: Some(id),
    })
}

fn refuse_used(state: &State, image: &str, id: &Digest) -> Result<(), ImageError> {
    let users = state.uses.iter().filter(|(_, used)| *used == id);
    let mut snapshots: Vec<PathBuf> = users.map(|(dir, _)| dir.clone()).collect();
    if snapshots.is_empty() {
        return Ok(());
    }
    snapshots.sort();
    Err(ImageError::InUse {
        image: image.to_owned(),
        snapshots,
    })
}
