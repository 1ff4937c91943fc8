//! The last steps, shared by pull and load: unpack what is here, then show the image.

use std::sync::Arc;
use std::time::SystemTime;

use super::{CancelOnDrop, LayerLimits, Plan, PlannedLayer, blocking};
use crate::image::digest::Digest;
use crate::image::error::ImageError;
use crate::image::index::{Index, Record};
use crate::image::locks::Lease;
use crate::image::reference::Reference;
use crate::image::store::{Image, Inner, Loaded, not_present};

/// The names an image gets.
pub(crate) struct Names {
    pub(crate) references: Vec<Reference>,
    /// The registry knows the image by its digest too; an archive proves no such thing.
    pub(crate) in_registry: bool,
}

impl Inner {
    /// Unpacks a layer whose blob is in the store, unless that was done.
    pub(crate) async fn unpack_layer(
        self: &Arc<Self>,
        layer: &PlannedLayer,
    ) -> Result<(), ImageError> {
        let one_at_a_time = self.layer_locks.lock(layer.plan.chain_id()).await;
        if self.layers.contains(layer.plan.chain_id()) {
            return Ok(());
        }
        let cancel = CancelOnDrop::default();
        let (inner, layer, flag) = (Arc::clone(self), layer.clone(), cancel.flag());
        blocking(move || {
            // Held by the work, not by the waiting: an abandoned unpack still owns the layer until it stops.
            let _one_at_a_time = one_at_a_time;
            let blob = inner.blobs.open_blob(&layer.blob.digest)?;
            let unpacked = inner
                .layers
                .unpack(&layer.plan, blob, inner.layer_limits(), &flag);
            if let Err(ImageError::VerificationFailed { .. } | ImageError::Malformed { .. }) =
                unpacked
            {
                // If it rotted on disk, the next try must fetch it again.
                inner.discard_blob(&layer.blob.digest)?;
            }
            unpacked
        })
        .await
    }

    fn layer_limits(&self) -> LayerLimits {
        let limits = &self.config.limits;
        LayerLimits {
            bytes: limits.unpacked_layer_bytes,
            entries: limits.layer_entries,
        }
    }

    /// Makes an image whose layers are unpacked visible under `names`, durably.
    pub(crate) async fn publish(
        self: &Arc<Self>,
        plan: &Arc<Plan>,
        names: Names,
        lease: Lease,
    ) -> Result<Image, ImageError> {
        let (inner, plan) = (Arc::clone(self), Arc::clone(plan));
        blocking(move || {
            inner.blobs.put(&plan.manifest_bytes, &plan.manifest)?;
            inner.blobs.put(&plan.config_bytes, &plan.id)?;
            let image = inner.enter(&plan, &names)?;
            drop(lease);
            inner.discard_packed(&plan)?;
            Ok(image)
        })
        .await
    }

    fn enter(&self, plan: &Plan, names: &Names) -> Result<Image, ImageError> {
        let _commit = self.commit.lock();
        let before = Arc::clone(&self.state.lock().index);
        let mut index = Index::clone(&before);
        let known = before.images.get(&plan.id);
        let record = Record {
            manifest: plan.manifest.clone(),
            size: plan.size(),
            pulled_at_ms: known.map_or_else(now_ms, |record| record.pulled_at_ms),
        };
        index.add(&plan.id, record, &plan.target, &names.references);
        if names.in_registry {
            index.add_repo_digests(&plan.id, &plan.target, &names.references);
        }
        if index != *before {
            index.write(&self.root)?;
        }
        let mut state = self.state.lock();
        state.index = Arc::new(index);
        let loaded = Loaded::new(plan.config.clone());
        state.loaded.insert(plan.id.clone(), loaded);
        state
            .image(&plan.id)
            .ok_or_else(|| not_present(&plan.id.to_string()))
    }

    /// Compressed layers have served their purpose, unless another pull or load still holds one.
    fn discard_packed(&self, plan: &Plan) -> Result<(), ImageError> {
        let leases = self.leases.freeze();
        for layer in &plan.layers {
            if !leases.contains_key(&layer.blob.digest) {
                self.discard_blob(&layer.blob.digest)?;
            }
        }
        Ok(())
    }

    /// Deletes a layer's blob. A manifest that calls another image's config a layer must not get it deleted.
    fn discard_blob(&self, digest: &Digest) -> Result<(), ImageError> {
        if !self.state.lock().referenced_blobs().contains(digest) {
            self.blobs.delete(digest)?;
        }
        Ok(())
    }
}

fn now_ms() -> u64 {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    u64::try_from(since_epoch.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}
