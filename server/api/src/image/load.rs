//! LoadImage: the archive is received into a file, which the runtime then reads.

use std::path::{Path, PathBuf};

use lifepod_lifecycle::port::ImageError;
use lifepod_proto::v1 as proto;
use proto::load_image_request::Frame;
use tokio::{fs::File, io::AsyncWriteExt};
use tonic::Streaming;
use uuid::Uuid;

use super::convert::{Usage, error, image};
use crate::{
    error::{ApiError, Result},
    shared::Shared,
};

/// A file that goes with this value.
struct Upload {
    path: PathBuf,
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "an upload was left behind");
        }
    }
}

pub(super) async fn load(
    shared: &Shared,
    mut frames: Streaming<proto::LoadImageRequest>,
) -> Result<proto::LoadImageResponse> {
    shared.check_open()?;
    let Some(Frame::Start(start)) = next(shared, &mut frames).await? else {
        return Err(ApiError::FrameInvalid {
            detail: "the first frame must be `start`",
        });
    };
    let upload = receive(shared, &mut frames).await?;
    let name = Some(start.reference.as_str()).filter(|name| !name.is_empty());
    let loaded = shared.images.load(upload.path.clone(), name).await;
    let records = loaded.map_err(|failure| match failure {
        ImageError::Invalid { message } => ApiError::ArchiveInvalid { detail: message },
        other => error(other, &start.reference),
    })?;
    let usage = Usage::now(shared);
    Ok(proto::LoadImageResponse {
        images: records.iter().map(|record| image(record, &usage)).collect(),
    })
}

/// The next frame; none at the end of the client's stream.
async fn next(
    shared: &Shared,
    frames: &mut Streaming<proto::LoadImageRequest>,
) -> Result<Option<Frame>> {
    let message = tokio::select! {
        biased;
        () = shared.drain.cancelled() => return Err(ApiError::Draining),
        message = frames.message() => message,
    };
    let limit = shared.config.limits.message_bytes;
    let message = message.map_err(|status| {
        crate::error::foreign(&status, "lifepod.v1.ImageService/LoadImage", limit)
    })?;
    match message {
        None => Ok(None),
        Some(proto::LoadImageRequest { frame: Some(frame) }) => Ok(Some(frame)),
        Some(proto::LoadImageRequest { frame: None }) => Err(ApiError::FrameInvalid {
            detail: "an empty frame",
        }),
    }
}

async fn receive(
    shared: &Shared,
    frames: &mut Streaming<proto::LoadImageRequest>,
) -> Result<Upload> {
    let broken = |failure: std::io::Error| ApiError::RuntimeUnavailable {
        detail: format!("the archive cannot be stored: {failure}"),
    };
    let (upload, mut file) = create(&shared.config.upload_dir).await.map_err(broken)?;
    let limit = shared.config.limits.archive_bytes;
    let mut size: u64 = 0;
    while let Some(frame) = next(shared, frames).await? {
        let Frame::Chunk(chunk) = frame else {
            return Err(ApiError::FrameInvalid {
                detail: "every frame after the first must be `chunk`",
            });
        };
        size += chunk.len() as u64;
        if size > limit {
            return Err(ApiError::MessageTooLarge {
                limit: usize::try_from(limit).unwrap_or(usize::MAX),
                detail: "the archive has more bytes than are accepted".to_owned(),
            });
        }
        file.write_all(&chunk).await.map_err(broken)?;
    }
    file.flush().await.map_err(broken)?;
    Ok(upload)
}

async fn create(dir: &Path) -> std::io::Result<(Upload, File)> {
    tokio::fs::create_dir_all(dir).await?;
    let path = dir.join(format!("upload-{}", Uuid::new_v4().simple()));
    let mut options = tokio::fs::OpenOptions::new();
    let file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .await?;
    Ok((Upload { path }, file))
}
