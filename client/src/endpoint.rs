//! Where the server is.

use std::{env, fmt, path::PathBuf, str::FromStr};

use crate::Error;

/// Environment variable that names the server's endpoint.
pub const HOST_VARIABLE: &str = "LIFEPOD_HOST";

/// Endpoint used when nothing else is said.
pub const DEFAULT_ENDPOINT: &str = "unix:///run/lifepod/lifepod.sock";

/// Where the server is: a unix socket (`unix:///path`, or an absolute path) or HTTP/2 over TCP (`http://host:port`, or
/// `host:port`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A unix socket.
    Unix(PathBuf),
    /// HTTP/2 without TLS; the text is the whole URI.
    Http(String),
}

impl Endpoint {
    /// The endpoint of the environment variable [`HOST_VARIABLE`], else [`DEFAULT_ENDPOINT`].
    ///
    /// # Errors
    /// [`Error::InvalidEndpoint`] when the variable is no endpoint.
    pub fn from_env() -> Result<Self, Error> {
        match env::var(HOST_VARIABLE) {
            Ok(text) if !text.is_empty() => text.parse(),
            _ => DEFAULT_ENDPOINT.parse(),
        }
    }
}

impl FromStr for Endpoint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = |detail| Error::InvalidEndpoint {
            endpoint: text.to_owned(),
            detail,
        };
        if let Some(rest) = text.strip_prefix("unix:") {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            return if path.is_empty() {
                Err(invalid("the socket's path is missing"))
            } else {
                Ok(Self::Unix(path.into()))
            };
        }
        if text.starts_with('/') {
            return Ok(Self::Unix(text.into()));
        }
        if text.starts_with("https://") {
            return Err(invalid("TLS is not supported yet"));
        }
        let authority = text.strip_prefix("http://").unwrap_or(text);
        if authority.contains("://") {
            return Err(invalid("expected unix:///path or http://host:port"));
        }
        let authority = authority.trim_end_matches('/');
        let port = authority.rsplit_once(':').map(|(_, port)| port);
        if port.is_none_or(|port| port.parse::<u16>().is_err()) {
            return Err(invalid("expected unix:///path or http://host:port"));
        }
        Ok(Self::Http(format!("http://{authority}")))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(out, "unix://{}", path.display()),
            Self::Http(uri) => out.write_str(uri),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_read_in_every_form() {
        let same = [
            ("unix:///run/x.sock", "unix:///run/x.sock"),
            ("unix:/run/x.sock", "unix:///run/x.sock"),
            ("/run/x.sock", "unix:///run/x.sock"),
            ("http://127.0.0.1:80", "http://127.0.0.1:80"),
            ("http://[::1]:7000/", "http://[::1]:7000"),
            ("localhost:7000", "http://localhost:7000"),
        ];
        for (text, expected) in same {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!(endpoint.to_string(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_endpoint_is_refused() {
        for text in [
            "",
            "unix://",
            "https://x:1",
            "ftp://x:1",
            "host",
            "host:99999",
        ] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }
}
