//! Loads images from archives: OCI layouts and what `docker save` writes.
//!
//! The archive is read once, front to back, from a file or from a stream: every member becomes a blob under
//! its own digest ([`ingest`]), then the documents among them say which images there are ([`layout`]). From
//! there on a loaded image goes the way of a pulled one, so everything is verified the same.

mod ingest;
mod layout;

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use tokio::io::AsyncRead;
use tokio_util::io::SyncIoBridge;
use tracing::info;

use super::blocking::{CancelOnDrop, blocking};
use super::error::{At, ImageError};
use super::locks::Lease;
use super::pull::{Names, Plan};
use super::reference::Reference;
use super::store::{Image, ImageStore, Inner};
use layout::Found;

impl ImageStore {
    /// Loads every image of an archive file that can run on this machine. `name` is for an image the archive
    /// gives no name.
    ///
    /// # Errors
    /// As [`ImageStore::load`].
    pub async fn load_file(
        &self,
        path: &Path,
        name: Option<&str>,
    ) -> Result<Vec<Image>, ImageError> {
        let path = path.to_owned();
        self.load_with(name, move || File::open(&path).at("open", &path))
            .await
    }

    /// Loads every image of an archive that can run on this machine.
    ///
    /// # Errors
    /// See [`ImageError`]; images before a broken one stay loaded.
    pub async fn load(
        &self,
        archive: impl AsyncRead + Send + Unpin + 'static,
        name: Option<&str>,
    ) -> Result<Vec<Image>, ImageError> {
        self.load_with(name, move || Ok(SyncIoBridge::new(archive)))
            .await
    }

    async fn load_with<R: Read>(
        &self,
        name: Option<&str>,
        open: impl FnOnce() -> Result<R, ImageError> + Send + 'static,
    ) -> Result<Vec<Image>, ImageError> {
        let name = name.map(Reference::parse).transpose()?;
        let cancel = CancelOnDrop::default();
        let (inner, flag) = (Arc::clone(&self.inner), cancel.flag());
        let (found, lease) = blocking(move || {
            let mut lease = inner.leases.lease();
            let members = ingest::ingest(&inner, open()?, &mut lease, flag)?;
            let found = layout::images(&inner, &members, &mut lease, name)?;
            Ok((found, lease))
        })
        .await?;
        let mut images = Vec::new();
        for found in found {
            images.push(self.inner.install(found).await?);
        }
        drop(lease);
        self.collect_garbage().await?;
        Ok(images)
    }
}

impl Inner {
    async fn install(self: &Arc<Self>, found: Found) -> Result<Image, ImageError> {
        let plan = Arc::new(found.plan);
        let lease = self.lease_layers(&plan);
        for layer in &plan.layers {
            let here = self.layers.contains(layer.plan.chain_id());
            if !here && !self.blobs.contains(&layer.blob.digest) {
                let reason = format!("layer `{}` is missing", layer.blob.digest);
                return Err(ImageError::malformed("image archive", reason));
            }
            self.unpack_layer(layer).await?;
        }
        let names = Names {
            references: found.names,
            in_registry: false,
        };
        let image = self.publish(&plan, names, lease).await?;
        info!(id = %image.id, tags = ?image.tags, "image loaded");
        Ok(image)
    }

    fn lease_layers(&self, plan: &Plan) -> Lease {
        let mut lease = self.leases.lease();
        lease.add(plan.layers.iter().map(|layer| layer.plan.chain_id()));
        lease
    }
}

#[cfg(test)]
mod tests;
