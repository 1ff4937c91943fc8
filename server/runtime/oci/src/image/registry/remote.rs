//! One image in the world outside: all endpoints that may have it, tried in order.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use reqwest::header::{CONTENT_RANGE, HeaderMap};
use reqwest::{Response, StatusCode};

use super::clients::Clients;
use super::config::RegistryConfig;
use super::credentials::Credentials;
use super::endpoint::endpoints;
use super::failure::Failure;
use super::session::{Request, Session};
use crate::image::content::verify_digest;
use crate::image::digest::Hasher;
use crate::image::{Digest, ImageError, Reference};

pub(crate) struct Remote {
    image: String,
    sessions: Vec<Session>,
    /// The endpoint that served the manifest is asked first for the rest.
    preferred: AtomicUsize,
    max_document: u64,
}

/// A blob being received.
pub(crate) struct BlobStream {
    response: Response,
    /// Bytes to drop because the endpoint started over instead of resuming.
    skip: u64,
}

impl Remote {
    pub(crate) fn new(
        clients: &Clients,
        config: &RegistryConfig,
        reference: &Reference,
        credentials: Option<Credentials>,
    ) -> Result<Self, ImageError> {
        let image = reference.to_string();
        let endpoints = endpoints(config, reference, credentials).map_err(|reason| {
            ImageError::InvalidImageName {
                image: image.clone(),
                reason,
            }
        })?;
        let mut sessions = Vec::new();
        for endpoint in endpoints {
            let label = endpoint.label.clone();
            let session = Session::new(clients, endpoint, reference.repository());
            sessions
                .push(session.map_err(|failure| Failure::combine(&image, vec![(label, failure)]))?);
        }
        Ok(Self {
            image,
            sessions,
            preferred: AtomicUsize::new(0),
            max_document: config.limits.document_bytes,
        })
    }

    /// Fetches the manifest or index behind a tag, and its digest.
    pub(crate) async fn tagged(&self, tag: &str) -> Result<(Bytes, Digest), ImageError> {
        self.document(tag, None).await
    }

    /// Fetches a manifest or index by its digest.
    pub(crate) async fn manifest(&self, digest: &Digest) -> Result<Bytes, ImageError> {
        let (bytes, _) = self.document(&digest.to_string(), Some(digest)).await?;
        Ok(bytes)
    }

    async fn document(
        &self,
        tag_or_digest: &str,
        expected: Option<&Digest>,
    ) -> Result<(Bytes, Digest), ImageError> {
        let request = Request::Manifest { tag_or_digest };
        let mut failures = Vec::new();
        for index in self.order() {
            let session = &self.sessions[index];
            match self.fetch_document(session, &request, expected).await {
                Ok(found) => {
                    self.preferred.store(index, Ordering::Relaxed);
                    return Ok(found);
                }
                Err(failure) => failures.push((index, session.noted(failure))),
            }
        }
        Err(self.failed(failures))
    }

    async fn fetch_document(
        &self,
        session: &Session,
        request: &Request<'_>,
        expected: Option<&Digest>,
    ) -> Result<(Bytes, Digest), Failure> {
        let response = session.get(request).await?;
        let headers = response.headers().clone();
        let mut stream = BlobStream { response, skip: 0 };
        let mut body = Vec::new();
        while let Some(chunk) = stream.chunk().await? {
            if body.len() as u64 + chunk.len() as u64 > self.max_document {
                return Err(Failure::Bad(ImageError::TooLarge {
                    what: "image manifest".to_owned(),
                    limit: self.max_document,
                }));
            }
            body.extend_from_slice(&chunk);
        }
        let digest = check_document(&body, expected, &headers).map_err(Failure::Bad)?;
        Ok((body.into(), digest))
    }

    /// Starts receiving a blob at `offset`.
    pub(crate) async fn blob(
        &self,
        digest: &Digest,
        offset: u64,
    ) -> Result<BlobStream, ImageError> {
        let text = digest.to_string();
        let request = Request::Blob {
            digest: &text,
            offset,
        };
        let mut failures = Vec::new();
        for index in self.order() {
            let session = &self.sessions[index];
            match session.get(&request).await {
                Ok(response) => {
                    let skip = if resumes_at(&response, offset) {
                        0
                    } else {
                        offset
                    };
                    return Ok(BlobStream { response, skip });
                }
                Err(failure) => failures.push((index, session.noted(failure))),
            }
        }
        Err(self.failed(failures))
    }

    /// All endpoints, the preferred one first, the registry itself last unless preferred.
    fn order(&self) -> impl Iterator<Item = usize> + use<> {
        let preferred = self.preferred.load(Ordering::Relaxed);
        let count = self.sessions.len();
        std::iter::once(preferred)
            .filter(move |preferred| *preferred < count)
            .chain((0..count).filter(move |index| *index != preferred))
    }

    fn failed(&self, mut failures: Vec<(usize, Failure)>) -> ImageError {
        failures.sort_by_key(|(index, _)| *index);
        let label = |index: usize| self.sessions[index].label().to_owned();
        let labelled = failures
            .into_iter()
            .map(|(index, failure)| (label(index), failure));
        Failure::combine(&self.image, labelled.collect())
    }

    /// The image this is about, for error texts.
    pub(crate) fn image(&self) -> &str {
        &self.image
    }
}

impl BlobStream {
    /// The next piece, or `None` at the end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            let received = self.response.chunk().await;
            let Some(mut chunk) = received.map_err(|error| Failure::unreachable(&error))? else {
                return Ok(None);
            };
            let dropped = self.skip.min(chunk.len() as u64);
            self.skip -= dropped;
            let dropped = usize::try_from(dropped).unwrap_or(chunk.len());
            let kept = chunk.split_off(dropped);
            if !kept.is_empty() {
                return Ok(Some(kept));
            }
        }
    }
}

fn check_document(
    body: &[u8],
    expected: Option<&Digest>,
    headers: &HeaderMap,
) -> Result<Digest, ImageError> {
    let hash = |algorithm| {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(body);
        hasher.finish()
    };
    if let Some(expected) = expected {
        verify_digest("image manifest", expected, &hash(expected.algorithm()))?;
        return Ok(expected.clone());
    }
    let told: Option<Digest> = headers
        .get("docker-content-digest")
        .and_then(|value| value.to_str().ok()?.parse().ok());
    match told {
        Some(told) => {
            verify_digest("image manifest", &told, &hash(told.algorithm()))?;
            Ok(told)
        }
        None => Ok(Digest::of(body)),
    }
}

fn resumes_at(response: &Response, offset: u64) -> bool {
    let range = response.headers().get(CONTENT_RANGE);
    let range = range.and_then(|value| value.to_str().ok()).unwrap_or("");
    response.status() == StatusCode::PARTIAL_CONTENT
        && range.starts_with(&format!("bytes {offset}-"))
}
