//! What one endpoint's refusal means.

use std::error::Error;

use reqwest::{Response, StatusCode};
use serde::Deserialize;

use crate::image::ImageError;

/// How much of an error answer is read.
const MAX_ERROR_BODY: u64 = 64 * 1024;
const MAX_DETAIL: usize = 300;

/// Why one endpoint did not give what was asked for, with a text for people.
#[derive(Debug, Clone)]
pub(crate) enum Failure {
    NotFound(String),
    Unauthorized(String),
    Unavailable(String),
    Refused(String),
    /// It answered, but with something wrong.
    Bad(ImageError),
}

impl Failure {
    /// From a request that got no answer.
    pub(super) fn unreachable(error: &reqwest::Error) -> Self {
        // The outer texts only repeat the URL; the cause says what happened.
        let mut cause: &dyn Error = error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        let detail = match cause.to_string() {
            text if text.contains("InvalidContentType") => {
                "it does not speak TLS; set `plain_http` for it if it speaks plain HTTP".to_owned()
            }
            text if error.is_timeout() && error.is_connect() => {
                format!("no connection in time: {text}")
            }
            text if error.is_timeout() => format!("no answer in time: {text}"),
            text => text,
        };
        Self::Unavailable(detail)
    }

    /// From an answer that is not a success.
    pub(super) async fn refused(mut response: Response) -> Self {
        let status = response.status();
        let body = read_capped(&mut response, MAX_ERROR_BODY)
            .await
            .unwrap_or_default();
        let detail = describe(status, &body);
        match status {
            StatusCode::NOT_FOUND => Self::NotFound(detail),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Self::Unauthorized(detail),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
                Self::Unavailable(detail)
            }
            status if status.is_server_error() => Self::Unavailable(detail),
            _ => Self::Refused(detail),
        }
    }

    /// The text without the kind.
    pub(crate) fn detail(&self) -> String {
        match self {
            Self::NotFound(detail)
            | Self::Unauthorized(detail)
            | Self::Unavailable(detail)
            | Self::Refused(detail) => detail.clone(),
            Self::Bad(error) => error.to_string(),
        }
    }

    /// The error for `image` after every endpoint failed. The last one is the registry itself, so its
    /// answer decides what kind of error it is; the text names all.
    pub(super) fn combine(image: &str, failures: Vec<(String, Self)>) -> ImageError {
        let texts: Vec<String> = failures
            .iter()
            .map(|(label, failure)| format!("{label}: {}", failure.detail()))
            .collect();
        let (image, detail) = (image.to_owned(), texts.join("; "));
        match failures.into_iter().next_back() {
            Some((_, Self::NotFound(_))) => ImageError::NotFound { image, detail },
            Some((_, Self::Unauthorized(_))) => ImageError::Unauthorized { image, detail },
            Some((_, Self::Refused(_))) => ImageError::Refused { image, detail },
            Some((_, Self::Bad(error))) => error,
            Some((_, Self::Unavailable(_))) | None => ImageError::Unavailable { image, detail },
        }
    }
}

/// Reads a body of at most `limit` bytes; `None` if it is larger or breaks off.
pub(super) async fn read_capped(response: &mut Response, limit: u64) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if body.len() as u64 + chunk.len() as u64 > limit {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    Some(body)
}

#[derive(Deserialize)]
struct Envelope {
    errors: Vec<RegistryError>,
}

#[derive(Deserialize)]
struct RegistryError {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

fn describe(status: StatusCode, body: &[u8]) -> String {
    let told = match serde_json::from_slice::<Envelope>(body) {
        Ok(envelope) => envelope
            .errors
            .iter()
            .map(|error| match error.message.as_str() {
                "" => error.code.clone(),
                message => message.to_owned(),
            })
            .collect::<Vec<_>>()
            .join(", "),
        // A proxy's error page: its first line is as good as any.
        Err(_) => String::from_utf8_lossy(body)
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned(),
    };
    let told: String = told
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_DETAIL)
        .collect();
    match told.trim() {
        "" => status.to_string(),
        told => format!("{told} ({})", status.as_u16()),
    }
}
