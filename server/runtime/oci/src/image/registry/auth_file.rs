//! Finds credentials in the files container tools share.
//!
//! Files are read at each pull: they are small, and rotated secrets must work without a restart.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use tracing::warn;

use super::credentials::Credentials;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuthFile {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
    #[serde(default)]
    cred_helpers: BTreeMap<String, String>,
    #[serde(default)]
    creds_store: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Entry {
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
    registrytoken: String,
}

/// The places podman, skopeo and docker look, in their order.
fn default_paths() -> Vec<PathBuf> {
    let var = |name: &str| env::var_os(name).map(PathBuf::from);
    let home = var("HOME");
    let below_home = |path: &str| home.as_ref().map(|home| home.join(path));
    let config_home = var("XDG_CONFIG_HOME").or_else(|| below_home(".config"));
    let docker = var("DOCKER_CONFIG").or_else(|| below_home(".docker"));
    [
        var("REGISTRY_AUTH_FILE"),
        var("XDG_RUNTIME_DIR").map(|dir| dir.join("containers/auth.json")),
        config_home.map(|dir| dir.join("containers/auth.json")),
        docker.map(|dir| dir.join("config.json")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The first credentials found for `registry` (as named in references) and `repository`.
pub(super) fn find(
    paths: Option<&[PathBuf]>,
    registry: &str,
    repository: &str,
) -> Option<Credentials> {
    let defaults;
    let paths = match paths {
        Some(paths) => paths,
        None => {
            defaults = default_paths();
            &defaults
        }
    };
    paths
        .iter()
        .find_map(|path| find_in(path, registry, repository))
}

fn find_in(path: &Path, registry: &str, repository: &str) -> Option<Credentials> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            warn!(path = %path.display(), %error, "auth file cannot be read");
            return None;
        }
    };
    let file: AuthFile = match serde_json::from_slice(&text) {
        Ok(file) => file,
        Err(error) => {
            // Only the position: the message may quote the secret.
            let line = error.line();
            warn!(path = %path.display(), line, "auth file is malformed");
            return None;
        }
    };
    let entry = scopes(registry, repository)
        .find_map(|scope| file.auths.iter().find(|(key, _)| normalize(key) == scope));
    let found = entry.and_then(|(key, entry)| entry.credentials(path, key));
    let helper = file
        .cred_helpers
        .get(registry)
        .or(file.creds_store.as_ref());
    if let (None, Some(helper)) = (&found, helper) {
        warn!(path = %path.display(), registry, helper, "credential helpers are not supported");
    }
    found
}

/// From the most to the least specific: `quay.io/a/b`, `quay.io/a`, `quay.io`.
fn scopes(registry: &str, repository: &str) -> impl Iterator<Item = String> {
    let mut next = Some(format!("{registry}/{repository}"));
    std::iter::from_fn(move || {
        let scope = next.take()?;
        next = scope.rsplit_once('/').map(|(parent, _)| parent.to_owned());
        Some(scope)
    })
}

/// `https://index.docker.io/v1/` and its like, as plain as in references.
fn normalize(key: &str) -> String {
    let key = key
        .strip_prefix("https://")
        .or_else(|| key.strip_prefix("http://"))
        .unwrap_or(key);
    let key = key.trim_end_matches('/');
    let key = key
        .strip_suffix("/v1")
        .or_else(|| key.strip_suffix("/v2"))
        .unwrap_or(key);
    let (host, path) = key.split_once('/').unwrap_or((key, ""));
    let host = match host {
        "index.docker.io" | "registry-1.docker.io" => "docker.io",
        host => host,
    };
    match path {
        "" => host.to_owned(),
        path => format!("{host}/{path}"),
    }
}

impl Entry {
    fn credentials(&self, path: &Path, key: &str) -> Option<Credentials> {
        if !self.registrytoken.is_empty() {
            return Some(Credentials::RegistryToken(self.registrytoken.clone()));
        }
        if !self.identitytoken.is_empty() {
            return Some(Credentials::IdentityToken(self.identitytoken.clone()));
        }
        if self.auth.is_empty() {
            return (!self.username.is_empty()).then(|| Credentials::Basic {
                username: self.username.clone(),
                password: self.password.clone(),
            });
        }
        let decoded = decode(&self.auth);
        if decoded.is_none() {
            warn!(path = %path.display(), key, "auth entry is not base64 of user:password");
        }
        decoded
    }
}

fn decode(auth: &str) -> Option<Credentials> {
    let decoded = STANDARD.decode(auth.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (username, password) = text.split_once(':')?;
    Some(Credentials::Basic {
        username: username.to_owned(),
        // Docker pads some with NUL.
        password: password.trim_end_matches('\0').to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find_in_text(text: &str, registry: &str, repository: &str) -> Option<String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("auth.json");
        fs::write(&path, text).unwrap();
        let paths = [dir.path().join("missing.json"), path];
        match find(Some(&paths), registry, repository)? {
            Credentials::Basic { username, password } => Some(format!("{username}:{password}")),
            other => Some(format!("{other:?}")),
        }
    }

    fn auth(text: &str) -> String {
        format!(r#"{{"auth":"{}"}}"#, STANDARD.encode(text))
    }

    #[test]
    fn the_most_specific_entry_wins() {
        let text = format!(
            r#"{{"auths":{{"quay.io":{},"quay.io/team":{},"https://index.docker.io/v1/":{}}}}}"#,
            auth("any:1"),
            auth("team:p:w"),
            auth("hub:3")
        );
        let find = |registry, repository| find_in_text(&text, registry, repository);
        assert_eq!(find("quay.io", "team/app").as_deref(), Some("team:p:w"));
        assert_eq!(find("quay.io", "teams/app").as_deref(), Some("any:1"));
        assert_eq!(find("docker.io", "library/nginx").as_deref(), Some("hub:3"));
        assert_eq!(find("ghcr.io", "x").as_deref(), None);
    }

    #[test]
    fn damaged_and_foreign_entries_give_no_credentials_and_no_error() {
        for text in [
            "",
            "{",
            r#"{"auths":{"quay.io":{"auth":"%%%"}}}"#,
            r#"{"auths":{"quay.io":{}}}"#,
            r#"{"credHelpers":{"quay.io":"secretservice"},"credsStore":"pass"}"#,
        ] {
            assert_eq!(find_in_text(text, "quay.io", "a"), None, "{text}");
        }
    }

    #[test]
    fn secrets_never_show_in_debug_output() {
        let text = r#"{"auths":{"quay.io":{"identitytoken":"hidden"}}}"#;
        let shown = find_in_text(text, "quay.io", "a").unwrap();
        assert_eq!(shown, "IdentityToken(redacted)");
    }
}
