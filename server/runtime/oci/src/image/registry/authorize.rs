//! Answers a registry's challenge: `401` with `WWW-Authenticate` becomes an `Authorization` header.
//!
//! Both schemes of the field: Basic, and Docker's token protocol, where another service is asked for a
//! bearer token, anonymously if need be.

use http_auth::parser::ChallengeParser;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Client, RequestBuilder, Url};
use serde::Deserialize;

use super::credentials::Credentials;
use super::failure::{Failure, read_capped};

const MAX_TOKEN_ANSWER: u64 = 1 << 20;
const CLIENT_ID: &str = "lifepod";

/// What a registry wants to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    Basic,
    Bearer(TokenService),
}

/// Who gives out the tokens, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TokenService {
    realm: String,
    service: Option<String>,
    scope: Option<String>,
}

impl Challenge {
    /// The challenge to answer, bearer before basic; other schemes are not for image registries.
    pub(super) fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let mut basic = None;
        for value in headers.get_all(WWW_AUTHENTICATE) {
            let text = value.to_str().unwrap_or_default();
            for challenge in ChallengeParser::new(text).flatten() {
                if challenge.scheme.eq_ignore_ascii_case("basic") {
                    basic = Some(Self::Basic);
                }
                if !challenge.scheme.eq_ignore_ascii_case("bearer") {
                    continue;
                }
                let param = |name: &str| {
                    let mut params = challenge.params.iter();
                    let found = params.find(|(key, _)| key.eq_ignore_ascii_case(name));
                    found.map(|(_, value)| value.to_unescaped())
                };
                if let Some(realm) = param("realm") {
                    return Some(Self::Bearer(TokenService {
                        realm,
                        service: param("service"),
                        scope: param("scope"),
                    }));
                }
            }
        }
        basic
    }

    /// The header that should satisfy the registry.
    pub(super) async fn answer(
        &self,
        client: &Client,
        credentials: Option<&Credentials>,
        default_scope: &str,
    ) -> Result<HeaderValue, Failure> {
        match (self, credentials) {
            (_, Some(Credentials::RegistryToken(token))) => bearer(token),
            (Self::Basic, Some(Credentials::Basic { username, password })) => {
                basic(username, password)
            }
            (Self::Basic, _) => Err(Failure::Unauthorized(
                "it wants a user name and a password".to_owned(),
            )),
            (Self::Bearer(service), credentials) => {
                fetch_token(service.request(client, credentials, default_scope)?).await
            }
        }
    }
}

impl TokenService {
    fn request(
        &self,
        client: &Client,
        credentials: Option<&Credentials>,
        default_scope: &str,
    ) -> Result<RequestBuilder, Failure> {
        let mut url = Url::parse(&self.realm).map_err(|error| {
            Failure::Refused(format!("token service `{}`: {error}", self.realm))
        })?;
        let mut query = vec![("scope", self.scope.as_deref().unwrap_or(default_scope))];
        query.extend(self.service.as_deref().map(|service| ("service", service)));
        if let Some(Credentials::IdentityToken(token)) = credentials {
            query.extend([
                ("grant_type", "refresh_token"),
                ("client_id", CLIENT_ID),
                ("refresh_token", token),
            ]);
            return Ok(client
                .post(url)
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(form(&query)));
        }
        url.query_pairs_mut().extend_pairs(query);
        let request = client.get(url);
        Ok(match credentials {
            Some(Credentials::Basic { username, password }) => {
                request.basic_auth(username, Some(password))
            }
            _ => request,
        })
    }
}

#[derive(Deserialize)]
struct TokenAnswer {
    #[serde(default)]
    token: String,
    #[serde(default)]
    access_token: String,
}

async fn fetch_token(request: RequestBuilder) -> Result<HeaderValue, Failure> {
    let sent = request.send().await;
    let mut response = sent.map_err(|error| Failure::unreachable(&error))?;
    if !response.status().is_success() {
        return Err(match Failure::refused(response).await {
            // A token service that knows no such scope means the same as one that denies it.
            Failure::NotFound(detail) | Failure::Refused(detail) => Failure::Unauthorized(detail),
            failure => failure,
        });
    }
    let unreadable = || Failure::Unavailable("the token service's answer is unreadable".to_owned());
    let body = read_capped(&mut response, MAX_TOKEN_ANSWER)
        .await
        .ok_or_else(unreadable)?;
    let answer: TokenAnswer = serde_json::from_slice(&body).map_err(|_| unreadable())?;
    match (answer.token.as_str(), answer.access_token.as_str()) {
        ("", "") => Err(unreadable()),
        ("", token) | (token, _) => bearer(token),
    }
}

fn bearer(token: &str) -> Result<HeaderValue, Failure> {
    sensitive(&format!("Bearer {token}"))
}

fn basic(username: &str, password: &str) -> Result<HeaderValue, Failure> {
    use base64::Engine as _;
    let pair = format!("{username}:{password}");
    let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
    sensitive(&format!("Basic {encoded}"))
}

fn sensitive(value: &str) -> Result<HeaderValue, Failure> {
    let mut header = HeaderValue::from_str(value)
        .map_err(|_| Failure::Unauthorized("the token is not printable".to_owned()))?;
    header.set_sensitive(true);
    Ok(header)
}

/// `a=b&c=d` with escapes.
fn form(pairs: &[(&str, &str)]) -> String {
    let mut url = Url::parse("http://form/").expect("a constant URL parses");
    url.query_pairs_mut().extend_pairs(pairs);
    url.query().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(values: &[&'static str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(value));
        }
        Challenge::from_headers(&headers)
    }

    #[test]
    fn bearer_is_preferred_and_its_commas_survive() {
        let hub = r#"Bearer realm="https://a/token",service="r.io",scope="repository:x:pull,push""#;
        assert_eq!(
            challenge(&["Negotiate", r#"Basic realm="x""#, hub]),
            Some(Challenge::Bearer(TokenService {
                realm: "https://a/token".to_owned(),
                service: Some("r.io".to_owned()),
                scope: Some("repository:x:pull,push".to_owned()),
            }))
        );
        assert_eq!(challenge(&[r#"BASIC realm="x""#]), Some(Challenge::Basic));
        for useless in [&["Digest a=b"][..], &["Bearer service=\"x\""], &["\""], &[]] {
            assert_eq!(challenge(useless), None, "{useless:?}");
        }
    }
}
