//! Loading images from archives.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::{Bytes, BytesMut};
use futures::Stream;
use lifepod_proto::v1::{self as proto, load_image_request::Frame};
use tokio::{
    fs::File,
    io::{AsyncRead, AsyncReadExt},
};
use tonic::Request;

use super::Images;
use crate::{Error, Result, call::request_id, error::decode};

/// Bytes of one frame.
const CHUNK: usize = 256 << 10;

/// Where a failure to read goes: a request stream can only end, not fail.
type ReadFailure = Arc<Mutex<Option<std::io::Error>>>;

impl Images {
    /// Loads images from an archive file (OCI layout or docker-save, plain or compressed).
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be read, `ARCHIVE_INVALID` when it is no such archive.
    pub async fn load_file(&self, path: &Path, reference: &str) -> Result<Vec<proto::Image>> {
        let file = File::open(path).await.map_err(|source| Error::Io {
            what: format!("cannot open `{}`", path.display()),
            source,
        })?;
        self.load(file, reference).await
    }

    /// Loads images from an archive. `reference` names the image of an archive that holds one; empty keeps the names in
    /// the archive.
    ///
    /// # Errors
    /// As [`Images::load_file`].
    pub async fn load(
        &self,
        archive: impl AsyncRead + Send + Unpin + 'static,
        reference: &str,
    ) -> Result<Vec<proto::Image>> {
        let start = proto::LoadImageStart {
            reference: reference.to_owned(),
            request_id: request_id(),
        };
        let failure = ReadFailure::default();
        let frames = frames(start, archive, failure.clone());
        let response = self.service().load_image(Request::new(frames)).await;
        let failure = failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(source) = failure {
            return Err(Error::Io {
                what: "cannot read the archive".to_owned(),
                source,
            });
        }
        let response = response.map_err(|status| decode(&status))?;
        Ok(response.into_inner().images)
    }
}

enum Step<R> {
    Start(proto::LoadImageStart, R),
    Chunks(R),
    End,
}

fn frames<R: AsyncRead + Send + Unpin + 'static>(
    start: proto::LoadImageStart,
    archive: R,
    failure: ReadFailure,
) -> impl Stream<Item = proto::LoadImageRequest> + Send + 'static {
    futures::stream::unfold(Step::Start(start, archive), move |step| {
        let failure = failure.clone();
        async move {
            match step {
                Step::Start(start, archive) => {
                    Some((frame(Frame::Start(start)), Step::Chunks(archive)))
                }
                Step::Chunks(mut archive) => match read_chunk(&mut archive).await {
                    Ok(chunk) if chunk.is_empty() => None,
                    Ok(chunk) => Some((frame(Frame::Chunk(chunk)), Step::Chunks(archive))),
                    Err(error) => {
                        *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                        // A cut archive is refused by the server; an empty frame makes sure that it is looked at.
                        Some((proto::LoadImageRequest { frame: None }, Step::End))
                    }
                },
                Step::End => None,
            }
        }
    })
}

fn frame(frame: Frame) -> proto::LoadImageRequest {
    proto::LoadImageRequest { frame: Some(frame) }
}

async fn read_chunk(archive: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Bytes> {
    let mut chunk = BytesMut::with_capacity(CHUNK);
    while chunk.len() < CHUNK {
        if archive.read_buf(&mut chunk).await? == 0 {
            break;
        }
    }
    Ok(chunk.freeze())
}
