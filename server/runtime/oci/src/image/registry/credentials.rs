//! Credentials, which never show in logs.

use std::fmt;

/// What proves to a registry who pulls.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Credentials {
    /// User name and password (or access token).
    Basic { username: String, password: String },
    /// An OAuth2 refresh token (`identitytoken` in auth files).
    IdentityToken(String),
    /// A bearer token the registry takes as it is.
    RegistryToken(String),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Basic { .. } => "Basic(redacted)",
            Self::IdentityToken(_) => "IdentityToken(redacted)",
            Self::RegistryToken(_) => "RegistryToken(redacted)",
        })
    }
}
