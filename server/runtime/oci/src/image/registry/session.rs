//! Requests to one endpoint for one pull, authorized as needed.

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue, RANGE};
use reqwest::{Client, Response, StatusCode, Url};
use tokio::sync::Mutex;
use tracing::debug;

use super::authorize::Challenge;
use super::clients::Clients;
use super::endpoint::Endpoint;
use super::failure::Failure;

pub(super) struct Session {
    client: Client,
    endpoint: Endpoint,
    repository: String,
    /// The header that satisfied the last challenge; parallel downloads share it.
    authorization: Mutex<Option<HeaderValue>>,
}

/// What to ask for.
pub(super) enum Request<'a> {
    Manifest { tag_or_digest: &'a str },
    Blob { digest: &'a str, offset: u64 },
}

impl Session {
    pub(super) fn new(
        clients: &Clients,
        endpoint: Endpoint,
        repository: &str,
    ) -> Result<Self, Failure> {
        Ok(Self {
            client: clients.client(&endpoint)?,
            endpoint,
            repository: repository.to_owned(),
            authorization: Mutex::new(None),
        })
    }

    /// Sends a request and returns the successful answer.
    pub(super) async fn get(&self, request: &Request<'_>) -> Result<Response, Failure> {
        let used = self.authorization.lock().await.clone();
        let response = self.send(request, used.as_ref()).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return successful(response).await;
        }
        let Some(challenge) = Challenge::from_headers(response.headers()) else {
            return Err(Failure::refused(response).await);
        };
        let fresh = self.authorize(&challenge, used.as_ref()).await?;
        successful(self.send(request, Some(&fresh)).await?).await
    }

    /// Answers the challenge, unless a parallel request just did.
    async fn authorize(
        &self,
        challenge: &Challenge,
        rejected: Option<&HeaderValue>,
    ) -> Result<HeaderValue, Failure> {
        let mut authorization = self.authorization.lock().await;
        if let Some(newer) = authorization.as_ref()
            && Some(newer) != rejected
        {
            return Ok(newer.clone());
        }
        let scope = format!("repository:{}:pull", self.repository);
        let credentials = self.endpoint.credentials.as_ref();
        let fresh = challenge.answer(&self.client, credentials, &scope).await?;
        *authorization = Some(fresh.clone());
        Ok(fresh)
    }

    async fn send(
        &self,
        request: &Request<'_>,
        authorization: Option<&HeaderValue>,
    ) -> Result<Response, Failure> {
        let mut builder = self.client.get(self.url(request)?);
        builder = match request {
            Request::Manifest { .. } => builder.header(ACCEPT, crate::image::manifest::ACCEPT),
            Request::Blob { offset: 0, .. } => builder,
            Request::Blob { offset, .. } => builder.header(RANGE, format!("bytes={offset}-")),
        };
        if let Some(authorization) = authorization {
            // The client drops this header itself when a redirect leads to another host.
            builder = builder.header(AUTHORIZATION, authorization);
        }
        let sent = builder.send().await;
        sent.map_err(|error| Failure::unreachable(&error))
    }

    fn url(&self, request: &Request<'_>) -> Result<Url, Failure> {
        let path = match request {
            Request::Manifest { tag_or_digest } => {
                format!("{}/manifests/{tag_or_digest}", self.repository)
            }
            Request::Blob { digest, .. } => format!("{}/blobs/{digest}", self.repository),
        };
        let mut url = self.endpoint.base.join(&path).map_err(|error| {
            Failure::Refused(format!("`{}{path}`: {error}", self.endpoint.base))
        })?;
        if let Some(namespace) = &self.endpoint.namespace {
            url.query_pairs_mut().append_pair("ns", namespace);
        }
        Ok(url)
    }

    /// Logs a failure, since another endpoint may do and nobody would hear of it.
    pub(super) fn noted(&self, failure: Failure) -> Failure {
        debug!(
            endpoint = self.label(),
            repository = self.repository,
            ?failure,
            "registry endpoint failed"
        );
        failure
    }

    pub(super) fn label(&self) -> &str {
        &self.endpoint.label
    }
}

async fn successful(response: Response) -> Result<Response, Failure> {
    if response.status().is_success() {
        Ok(response)
    } else {
        Err(Failure::refused(response).await)
    }
}
