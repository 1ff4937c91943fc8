//! `httpGet` (kubernetes `pkg/probe/http`, `pkg/kubelet/lifecycle/handlers.go`).
//!
//! Redirects are followed within the same host only; certificates are not verified; every request
//! has a connection of its own.

use std::{error::Error as _, time::Duration};

use lifepod_lifecycle::{
    input::Outcome,
    spec::{HttpGet, HttpScheme},
};
use reqwest::{
    Client, Request, Response, Url,
    header::{ACCEPT, AUTHORIZATION, CONNECTION, HeaderMap, HeaderName, HeaderValue, USER_AGENT},
    redirect::{Attempt, Policy},
};
use tokio::time::timeout;

use super::{OUTPUT_LIMIT, target::Target, tcp};
use crate::image::choose_crypto;

const MAX_REDIRECTS: usize = 10;
const PROBE_AGENT: &str = "kube-probe/1.36";
const HOOK_AGENT: &str = "kube-lifecycle/1.36";

/// The client of all HTTP handlers.
pub(in crate::driver) struct HttpClient(Client);

/// Why there was no answer.
enum Unanswered {
    /// It was to be encrypted, and the server speaks clear text.
    ClearText,
    /// Anything else, in words.
    Other(String),
}

impl HttpClient {
    pub(in crate::driver) fn new() -> Result<Self, reqwest::Error> {
        choose_crypto();
        let client = Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(0)
            .redirect(Policy::custom(within_host))
            .tls_certs_only([])
            .tls_danger_accept_invalid_certs(true)
            .build()?;
        Ok(Self(client))
    }

    async fn get(&self, url: Url, headers: HeaderMap) -> Result<Response, Unanswered> {
        let mut request = Request::new(reqwest::Method::GET, url.clone());
        *request.headers_mut() = headers;
        self.0
            .execute(request)
            .await
            .map_err(|error| unanswered(&url, &error))
    }
}

fn within_host(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let first = attempt.previous().first();
    if first.is_some_and(|first| first.host_str() != attempt.url().host_str()) {
        attempt.stop()
    } else if attempt.previous().len() >= MAX_REDIRECTS {
        attempt.error(format!("stopped after {MAX_REDIRECTS} redirects"))
    } else {
        attempt.follow()
    }
}

/// Success is any answer, even an error (spec §5).
pub(super) async fn hook(client: &HttpClient, target: &Target, get: &HttpGet) -> Outcome {
    let failed = |message: String| Outcome::Failure {
        message: format!("error: {message}, message: \"\""),
    };
    let url = match url(target, get, get.scheme) {
        Ok(url) => url,
        Err(message) => return failed(message),
    };
    let mut headers = headers(get, HOOK_AGENT);
    let host = url.host_str().unwrap_or_default().to_owned();
    match client.get(url, headers.clone()).await {
        Ok(_) => return Outcome::Success,
        Err(Unanswered::Other(message)) => return failed(message),
        Err(Unanswered::ClearText) => {}
    }
    // Nobody's secret goes over the wire in clear text.
    headers.remove(AUTHORIZATION);
    let plain = self::url(target, get, HttpScheme::Http);
    match plain {
        Ok(plain) => match client.get(plain, headers).await {
            Ok(_) => Outcome::Warning {
                message: format!(
                    "request to HTTPS lifecycle hook {host} got HTTP response, retry with HTTP succeeded"
                ),
            },
            Err(error) => failed(error.text()),
        },
        Err(message) => failed(message),
    }
}

pub(super) async fn probe(
    client: &HttpClient,
    target: &Target,
    get: &HttpGet,
    limit: Duration,
) -> Outcome {
    let url = match url(target, get, get.scheme) {
        Ok(url) => url,
        Err(message) => return Outcome::Failure { message },
    };
    let told = format!("Get \"{url}\"");
    let attempt = async {
        match client.get(url, headers(get, PROBE_AGENT)).await {
            Ok(answer) => judge(answer).await,
            Err(error) => Outcome::Failure {
                message: error.text(),
            },
        }
    };
    timeout(limit, attempt)
        .await
        .unwrap_or_else(|_| Outcome::Failure {
            message: format!(
                "{told}: context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
            ),
        })
}

async fn judge(answer: Response) -> Outcome {
    let status = answer.status();
    match status.as_u16() {
        200..=299 => Outcome::Success,
        // Only what leads to another host is still a redirect here.
        300..=399 => Outcome::Warning {
            message: format!(
                "Probe terminated redirects, Response body: {}",
                beginning(answer).await
            ),
        },
        code => Outcome::Failure {
            message: format!("HTTP probe failed with statuscode: {code}"),
        },
    }
}

/// The beginning of a body.
async fn beginning(mut answer: Response) -> String {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        body.extend_from_slice(&chunk[..chunk.len().min(OUTPUT_LIMIT - body.len())]);
        if body.len() == OUTPUT_LIMIT {
            break;
        }
    }
    String::from_utf8_lossy(&body).into_owned()
}

fn url(target: &Target, get: &HttpGet, scheme: HttpScheme) -> Result<Url, String> {
    let scheme = match scheme {
        HttpScheme::Http => "http",
        HttpScheme::Https => "https",
    };
    let slash = if get.path.starts_with('/') { "" } else { "/" };
    let text = format!("{scheme}://{}{slash}{}", target.authority(), get.path);
    Url::parse(&text).map_err(|error| format!("parse {text:?}: {error}"))
}

fn headers(get: &HttpGet, agent: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in &get.headers {
        let name = name.parse::<HeaderName>();
        // Admission checks the names; a value that no header can have is left out.
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
            headers.append(name, value);
        }
    }
    let defaults = [(USER_AGENT, agent), (ACCEPT, "*/*"), (CONNECTION, "close")];
    for (name, value) in defaults {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    headers
}

impl Unanswered {
    fn text(self) -> String {
        match self {
            Self::ClearText => "http: server gave HTTP response to HTTPS client".to_owned(),
            Self::Other(text) => text,
        }
    }
}

fn unanswered(url: &Url, error: &reqwest::Error) -> Unanswered {
    let mut innermost = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        if speaks_clear_text(cause) {
            return Unanswered::ClearText;
        }
        let io = cause.downcast_ref::<std::io::Error>();
        innermost = match io.filter(|io| io.raw_os_error().is_some()) {
            Some(io) => {
                let authority = url.authority();
                format!("dial tcp {authority}: connect: {}", tcp::reason(io))
            }
            None => cause.to_string(),
        };
        next = cause.source();
    }
    Unanswered::Other(format!("Get \"{url}\": {innermost}"))
}

/// Whether TLS failed because the other side does not speak it. An I/O error hides what it wraps
/// from [`std::error::Error::source`], and may wrap another one.
fn speaks_clear_text(error: &(dyn std::error::Error + 'static)) -> bool {
    if let Some(tls) = error.downcast_ref() {
        return matches!(tls, rustls::Error::InvalidMessage(_));
    }
    let io = error.downcast_ref::<std::io::Error>();
    let inner = io.and_then(std::io::Error::get_ref);
    inner.is_some_and(|inner| speaks_clear_text(inner))
}

#[cfg(test)]
mod tests;
