//! What has to be done for one image, checked before any layer is fetched.

use bytes::Bytes;

use crate::image::config::ConfigFile;
use crate::image::content::verify_digest;
use crate::image::digest::{Algorithm, Digest, Hasher};
use crate::image::error::ImageError;
use crate::image::layers::LayerPlan;
use crate::image::manifest::{Descriptor, Manifest};
use crate::image::platform::Platform;
use crate::image::registry::Limits;

/// An image whose manifest and config are verified and agree with each other.
pub(crate) struct Plan {
    /// The digest of the config.
    pub(crate) id: Digest,
    pub(crate) config: ConfigFile,
    pub(crate) config_bytes: Bytes,
    pub(crate) target: Digest,
    pub(crate) manifest: Digest,
    pub(crate) manifest_bytes: Bytes,
    /// Bottom first.
    pub(crate) layers: Vec<PlannedLayer>,
}

#[derive(Clone)]
pub(crate) struct PlannedLayer {
    pub(crate) blob: Descriptor,
    pub(crate) plan: LayerPlan,
}

impl Plan {
    pub(crate) fn new(
        target: Digest,
        (manifest_digest, manifest_bytes): (Digest, Bytes),
        manifest: &Manifest,
        config_bytes: Bytes,
        host: &Platform,
        limits: &Limits,
    ) -> Result<Self, ImageError> {
        let id = manifest.config.digest.clone();
        let mut hasher = Hasher::new(id.algorithm());
        hasher.update(&config_bytes);
        verify_digest("image config", &id, &hasher.finish())?;
        let config = ConfigFile::parse(&config_bytes)?;
        config.check_platform(host)?;
        let layers = plan_layers(manifest, &config, limits)?;
        Ok(Self {
            id,
            config,
            config_bytes,
            target,
            manifest: manifest_digest,
            manifest_bytes,
            layers,
        })
    }

    /// Bytes as downloaded.
    pub(crate) fn size(&self) -> u64 {
        let layers = self.layers.iter().map(|layer| layer.blob.size).sum::<u64>();
        layers + self.config_bytes.len() as u64 + self.manifest_bytes.len() as u64
    }
}

fn plan_layers(
    manifest: &Manifest,
    config: &ConfigFile,
    limits: &Limits,
) -> Result<Vec<PlannedLayer>, ImageError> {
    let (blobs, diff_ids) = (&manifest.layers, &config.diff_ids);
    if blobs.len() != diff_ids.len() {
        let reason = format!(
            "the manifest lists {} layers, the config {}",
            blobs.len(),
            diff_ids.len()
        );
        return Err(ImageError::malformed("image", reason));
    }
    let too_large = |what: &str, limit| ImageError::TooLarge {
        what: what.to_owned(),
        limit,
    };
    if blobs.len() > limits.layers {
        return Err(too_large("number of layers", limits.layers as u64));
    }
    if blobs.iter().any(|blob| blob.size > limits.layer_bytes) {
        return Err(too_large("layer", limits.layer_bytes));
    }
    if diff_ids
        .iter()
        .any(|id| id.algorithm() != Algorithm::Sha256)
    {
        return Err(ImageError::unsupported("diff ids other than sha256"));
    }
    let plans = LayerPlan::stack(diff_ids);
    let layers = blobs.iter().cloned().zip(plans);
    Ok(layers
        .map(|(blob, plan)| PlannedLayer { blob, plan })
        .collect())
}
