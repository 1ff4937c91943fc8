//! Brings one blob from a registry into the content store.
//!
//! The network side hands chunks through a short channel to a blocking thread that hashes and writes, so
//! memory is bounded by the channel. A connection that breaks is resumed where it broke.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tracing::debug;

use super::plan::PlannedLayer;
use super::progress::{Fanout, REPORT_EVERY};
use crate::image::blocking::blocking;
use crate::image::content::BlobWriter;
use crate::image::error::ImageError;
use crate::image::manifest::Descriptor;
use crate::image::registry::{Failure, Remote};
use crate::image::store::Inner;

const CHUNKS_IN_FLIGHT: usize = 4;
/// Broken connections in a row without a byte of progress.
const MAX_STALLS: u32 = 3;
const RETRY_AFTER: Duration = Duration::from_millis(200);

impl Inner {
    /// Makes sure a layer can be unpacked: it is unpacked already, or its blob is here.
    pub(super) async fn fetch_layer(
        &self,
        remote: &Remote,
        layer: &PlannedLayer,
        progress: &Fanout,
    ) -> Result<(), ImageError> {
        let _one_at_a_time = self.blob_locks.lock(&layer.blob.digest).await;
        if self.layers.contains(layer.plan.chain_id()) || self.blobs.contains(&layer.blob.digest) {
            return Ok(());
        }
        let Ok(_slot) = self.downloads.acquire().await else {
            return Err(ImageError::Cancelled);
        };
        self.download(remote, layer, progress).await
    }

    async fn download(
        &self,
        remote: &Remote,
        layer: &PlannedLayer,
        progress: &Fanout,
    ) -> Result<(), ImageError> {
        let blob = layer.blob.clone();
        let writer = self.blobs.writer(blob.digest.algorithm())?;
        let (chunks, received) = mpsc::channel(CHUNKS_IN_FLIGHT);
        let receive = async {
            // Dropping the sender at the end of this block is what lets the writer finish.
            let chunks = chunks;
            self.receive(remote, &layer.blob, &chunks, |bytes| {
                progress.downloaded(layer, bytes);
            })
            .await
        };
        let write = blocking(move || write_all(writer, received));
        let (sent, written) = futures::join!(receive, write);
        // A write error explains a failed send, not the other way round.
        let writer = written?;
        sent?;
        blocking(move || writer.commit(Some((&blob.digest, blob.size)))).await?;
        Ok(())
    }

    async fn receive(
        &self,
        remote: &Remote,
        blob: &Descriptor,
        chunks: &mpsc::Sender<Bytes>,
        report: impl Fn(u64),
    ) -> Result<(), ImageError> {
        let mut received = 0;
        let mut reported = 0;
        let mut stalls = 0;
        loop {
            let before = received;
            let mut stream = remote.blob(&blob.digest, received).await?;
            let broken = loop {
                let chunk = match stream.chunk().await {
                    Ok(Some(chunk)) => chunk,
                    Ok(None) => return Ok(()),
                    Err(failure) => break failure,
                };
                received += chunk.len() as u64;
                check_size(blob, received)?;
                if chunks.send(chunk).await.is_err() {
                    return Ok(());
                }
                if received - reported >= REPORT_EVERY || received == blob.size {
                    reported = received;
                    report(received);
                }
            };
            stalls = if received > before { 0 } else { stalls + 1 };
            if stalls == MAX_STALLS {
                return Err(unavailable(remote, &broken));
            }
            debug!(digest = %blob.digest, received, ?broken, "download broke off, resuming");
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }

    /// Downloads a small blob into memory.
    pub(super) async fn download_document(
        &self,
        remote: &Remote,
        blob: &Descriptor,
    ) -> Result<Bytes, ImageError> {
        let limit = self.config.limits.document_bytes;
        if blob.size > limit {
            let what = "image config".to_owned();
            return Err(ImageError::TooLarge { what, limit });
        }
        let mut stream = remote.blob(&blob.digest, 0).await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = stream
            .chunk()
            .await
            .map_err(|failure| unavailable(remote, &failure))?
        {
            bytes.extend_from_slice(&chunk);
            check_size(blob, bytes.len() as u64)?;
        }
        Ok(bytes.into())
    }
}

/// Stops an endpoint that sends more than it announced.
fn check_size(blob: &Descriptor, received: u64) -> Result<(), ImageError> {
    if received <= blob.size {
        return Ok(());
    }
    Err(ImageError::VerificationFailed {
        what: format!("blob `{}`", blob.digest),
        expected: format!("{} bytes", blob.size),
        actual: "more".to_owned(),
    })
}

fn unavailable(remote: &Remote, failure: &Failure) -> ImageError {
    ImageError::Unavailable {
        image: remote.image().to_owned(),
        detail: format!("the download broke off: {}", failure.detail()),
    }
}

fn write_all(
    mut writer: BlobWriter,
    mut chunks: mpsc::Receiver<Bytes>,
) -> Result<BlobWriter, ImageError> {
    while let Some(chunk) = chunks.blocking_recv() {
        writer.write(&chunk)?;
    }
    Ok(writer)
}
