//! The image store as the API's port.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use lifepod_lifecycle::{
    port::{
        BoxFuture, Credentials, ImageError as PortError, ImageRecord, Images, ProgressSink,
        PullProgress,
    },
    time::Timestamp,
};

use super::OciDriver;
use crate::image::{self, Image, ImageError, LayerProgress};

impl Images for OciDriver {
    fn pull<'a>(
        &'a self,
        reference: &'a str,
        credentials: Option<Credentials>,
        progress: ProgressSink,
    ) -> BoxFuture<'a, Result<ImageRecord, PortError>> {
        let credentials = credentials.map(|c| image::Credentials::Basic {
            username: c.username,
            password: c.password,
        });
        let sink: image::ProgressSink =
            Arc::new(move |step: &LayerProgress| progress(convert(step)));
        Box::pin(async move {
            self.inner
                .images
                .pull(reference, credentials, Some(sink))
                .await
                .map(record)
                .map_err(refused)
        })
    }

    fn load<'a>(
        &'a self,
        archive: PathBuf,
        name: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Vec<ImageRecord>, PortError>> {
        Box::pin(async move {
            let images = self
                .inner
                .images
                .load_file(&archive, name)
                .await
                .map_err(refused)?;
            Ok(images.into_iter().map(record).collect())
        })
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<ImageRecord>, PortError>> {
        Box::pin(async move { Ok(self.inner.images.list().into_iter().map(record).collect()) })
    }

    fn get<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Result<ImageRecord, PortError>> {
        Box::pin(async move {
            self.inner
                .images
                .resolve(reference)
                .map(record)
                .map_err(refused)
        })
    }

    fn remove<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            self.inner
                .images
                .remove(reference)
                .await
                .map(|_| ())
                .map_err(refused)
        })
    }
}

fn convert(step: &LayerProgress) -> PullProgress {
    PullProgress {
        layer: step.digest.to_string(),
        downloaded: step.downloaded,
        total: step.total,
        done: step.extracted,
    }
}

fn record(image: Image) -> ImageRecord {
    ImageRecord {
        id: image.id.to_string(),
        repo_tags: image.tags,
        repo_digests: image.repo_digests,
        size: image.size,
        pulled_at: timestamp(image.pulled),
    }
}

fn timestamp(time: SystemTime) -> Timestamp {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

fn refused(error: ImageError) -> PortError {
    let message = error.to_string();
    match error {
        ImageError::InvalidImageName { .. } => PortError::InvalidName { message },
        ImageError::NotFound { .. } | ImageError::NotPresent { .. } => {
            PortError::NotFound { message }
        }
        ImageError::Unauthorized { .. } => PortError::Unauthorized { message },
        ImageError::Unavailable { .. } | ImageError::Refused { .. } | ImageError::Cancelled => {
            PortError::Unavailable { message }
        }
        ImageError::VerificationFailed { .. }
        | ImageError::Unsupported { .. }
        | ImageError::Malformed { .. }
        | ImageError::TooLarge { .. } => PortError::Invalid { message },
        ImageError::InUse { .. } => PortError::InUse { message },
        ImageError::InvalidConfig { .. } | ImageError::Storage { .. } => {
            PortError::Store { message }
        }
    }
}
