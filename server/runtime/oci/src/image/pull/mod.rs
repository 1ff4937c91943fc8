//! Pulls an image: resolve, download, verify, unpack, publish.
//!
//! ```text
//! manifest ─► platform ─► config ─► plan ─┬─► download layer 1..n (bounded, any order) ─┐
//!                                         └─► unpack layer 1..n (bottom up) ◄───────────┘─► publish
//! ```
//!
//! Everything runs inside the future the caller polls; nothing is spawned but blocking work, which is told
//! to stop when the future is dropped. What a dropped or failed pull completed stays for the next try.

mod download;
mod flight;
mod plan;
mod progress;
mod publish;

use std::sync::Arc;

use bytes::Bytes;
use futures::channel::mpsc;
use futures::{FutureExt as _, SinkExt as _, StreamExt as _, future, stream};
use tracing::info;

use super::blocking::{CancelOnDrop, blocking};
use super::digest::Digest;
use super::error::ImageError;
use super::locks::Lease;
use super::manifest::{Descriptor, Document, Manifest, select};
use super::reference::Reference;
use super::registry::{Credentials, Remote};
use super::store::{Image, ImageStore, Inner};
use super::unpack::LayerLimits;
use flight::FlightKey;
pub(crate) use flight::Flights;
pub(crate) use plan::{Plan, PlannedLayer};
use progress::Fanout;
pub use progress::{LayerProgress, ProgressSink};
pub(crate) use publish::Names;

impl ImageStore {
    /// Pulls `image` and returns it once it can be run.
    ///
    /// The registry is always asked what the reference means now; content that is here already is not
    /// fetched again. `credentials` replace those of the configuration for this pull. Equal pulls at the
    /// same time are one, and each caller gets its own progress. Dropping the future abandons the pull unless
    /// others wait for it.
    ///
    /// # Errors
    /// See [`ImageError`]; [`ImageError::waiting_reason`] gives the Kubernetes reason.
    pub async fn pull(
        &self,
        image: &str,
        credentials: Option<Credentials>,
        progress: Option<ProgressSink>,
    ) -> Result<Image, ImageError> {
        let key = FlightKey {
            reference: Reference::parse(image)?,
            credentials,
        };
        let (flight, _listening) = self.inner.flights.join(key.clone(), progress, |fanout| {
            let inner = Arc::clone(&self.inner);
            async move { inner.pull(key, &fanout).await }.boxed()
        });
        flight.await
    }
}

impl Inner {
    async fn pull(self: Arc<Self>, key: FlightKey, progress: &Fanout) -> Result<Image, ImageError> {
        let FlightKey {
            reference,
            credentials,
        } = key;
        let remote = Remote::new(&self.clients, &self.config, &reference, credentials)?;
        let mut lease = self.leases.lease();
        let resolved = self.resolve_remote(&remote, &reference, &mut lease).await?;
        let plan = self.plan(&remote, &resolved, &mut lease).await?;
        progress.planned(&plan);
        let plan = Arc::new(plan);
        self.fetch_and_unpack(&remote, &plan, progress).await?;
        let names = Names {
            references: vec![reference],
            in_registry: true,
        };
        let image = self.publish(&plan, names, lease).await?;
        info!(image = %remote.image(), id = %image.id, "image pulled");
        Ok(image)
    }

    /// Finds the manifest for this machine, through an index if need be.
    async fn resolve_remote(
        &self,
        remote: &Remote,
        reference: &Reference,
        lease: &mut Lease,
    ) -> Result<Resolved, ImageError> {
        let (bytes, target) = match (reference.digest(), reference.tag()) {
            (Some(digest), _) => (remote.manifest(digest).await?, digest.clone()),
            (None, tag) => remote.tagged(tag.unwrap_or("latest")).await?,
        };
        let (bytes, digest, manifest) = match Document::parse(&bytes)? {
            Document::Image(manifest) => (bytes, target.clone(), manifest),
            Document::Index(entries) => {
                let entry = select(&entries, &self.host)?;
                lease.add([&entry.digest]);
                let bytes = self
                    .stored_or_remote_manifest(remote, &entry.digest)
                    .await?;
                match Document::parse(&bytes)? {
                    Document::Image(manifest) => (bytes, entry.digest.clone(), manifest),
                    Document::Index(_) => {
                        return Err(ImageError::unsupported("an index within an index"));
                    }
                }
            }
        };
        lease.add([&digest]);
        Ok(Resolved {
            target,
            digest,
            bytes,
            manifest,
        })
    }

    async fn stored_or_remote_manifest(
        &self,
        remote: &Remote,
        digest: &Digest,
    ) -> Result<Bytes, ImageError> {
        let stored = self
            .blobs
            .contains(digest)
            .then(|| self.read_document(digest));
        match stored {
            Some(Ok(bytes)) => Ok(bytes.into()),
            _ => remote.manifest(digest).await,
        }
    }

    /// Gets the config and works out what is to be done.
    async fn plan(
        &self,
        remote: &Remote,
        resolved: &Resolved,
        lease: &mut Lease,
    ) -> Result<Plan, ImageError> {
        let manifest = &resolved.manifest;
        lease.add([&manifest.config.digest]);
        lease.add(manifest.layers.iter().map(|layer| &layer.digest));
        let config = self
            .stored_or_remote_config(remote, &manifest.config)
            .await?;
        let plan = Plan::new(
            resolved.target.clone(),
            (resolved.digest.clone(), resolved.bytes.clone()),
            manifest,
            config,
            &self.host,
            &self.config.limits,
        )?;
        lease.add(plan.layers.iter().map(|layer| layer.plan.chain_id()));
        Ok(plan)
    }

    async fn stored_or_remote_config(
        &self,
        remote: &Remote,
        config: &Descriptor,
    ) -> Result<Bytes, ImageError> {
        let stored = self.blobs.contains(&config.digest);
        match stored.then(|| self.read_document(&config.digest)) {
            Some(Ok(bytes)) => Ok(bytes.into()),
            _ => self.download_document(remote, config).await,
        }
    }

    fn read_document(&self, digest: &Digest) -> Result<Vec<u8>, ImageError> {
        self.blobs.read(digest, self.config.limits.document_bytes)
    }

    /// Downloads run ahead side by side; unpacking follows bottom up as they come in.
    async fn fetch_and_unpack(
        self: &Arc<Self>,
        remote: &Remote,
        plan: &Arc<Plan>,
        progress: &Fanout,
    ) -> Result<(), ImageError> {
        let parallel = self.config.parallel_downloads;
        let (mut fetched, mut to_unpack) = mpsc::channel(plan.layers.len());
        let fetch = async move {
            // By number: the compiler cannot generalize over references here (rust-lang/rust#104382).
            let downloads = (0..plan.layers.len()).map(|number| async move {
                let layer = &plan.layers[number];
                self.fetch_layer(remote, layer, progress).await?;
                Ok::<_, ImageError>(layer)
            });
            let mut downloads = stream::iter(downloads).buffered(parallel);
            while let Some(layer) = downloads.next().await {
                // Fails only when unpacking failed, which reports itself.
                let _ = fetched.send(layer?).await;
            }
            Ok(())
        };
        let unpack = async move {
            while let Some(layer) = to_unpack.next().await {
                self.unpack_layer(layer).await?;
                progress.extracted(layer);
            }
            Ok(())
        };
        future::try_join(fetch, unpack).await.map(|_| ())
    }
}

/// A reference, followed to one manifest.
struct Resolved {
    /// The digest the reference stood for: of the index if there is one.
    target: Digest,
    digest: Digest,
    bytes: Bytes,
    manifest: Manifest,
}

#[cfg(test)]
mod tests;
