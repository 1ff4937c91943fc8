//! How registries are reached: mirrors, transport, credentials, limits.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::credentials::Credentials;
use super::endpoint;
use crate::image::ImageError;

/// Configuration of the image store's network side.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RegistryConfig {
    /// By the registry's name in references (`docker.io`, `localhost:5000`) or a mirror's `host[:port]`.
    pub registries: BTreeMap<String, RegistrySettings>,
    /// Files to look for credentials in, first match wins. Absent: the places podman, skopeo and docker use.
    pub auth_files: Option<Vec<PathBuf>>,
    /// How many layers are downloaded at once, over all pulls.
    pub parallel_downloads: usize,
    /// How long to wait for a connection.
    #[serde(rename = "connect_timeout_seconds", deserialize_with = "seconds")]
    pub connect_timeout: Duration,
    /// How long a registry may send nothing before it counts as unavailable.
    #[serde(rename = "idle_timeout_seconds", deserialize_with = "seconds")]
    pub idle_timeout: Duration,
    pub limits: Limits,
}

/// Settings of one registry.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RegistrySettings {
    /// Tried in order before the registry itself: `http://127.0.0.1:5000`, `https://cache.example`. A path
    /// starting with `/v2/` is used as it is, any other goes before `/v2/`.
    pub mirrors: Vec<String>,
    /// Never ask the registry itself.
    pub mirrors_only: bool,
    /// Speak HTTP without TLS. Absent: only with loopback addresses, as container tools do.
    pub plain_http: Option<bool>,
    /// Accept any certificate.
    pub skip_tls_verify: bool,
    /// Certificates (PEM) to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Used when a pull brings none; the auth files come after.
    #[serde(skip)]
    pub credentials: Option<Credentials>,
}

/// What an image may not exceed.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// One manifest, index or config.
    pub document_bytes: u64,
    pub layers: usize,
    /// One layer as downloaded.
    pub layer_bytes: u64,
    /// One layer unpacked.
    pub unpacked_layer_bytes: u64,
    /// Files in one layer.
    pub layer_entries: u64,
    /// A whole archive given to `load`.
    pub archive_bytes: u64,
}

impl Default for RegistryConfig {
    fn default() -> Self {
        Self {
            registries: BTreeMap::new(),
            auth_files: None,
            parallel_downloads: 4,
            connect_timeout: Duration::from_secs(15),
            idle_timeout: Duration::from_secs(60),
            limits: Limits::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        const GIB: u64 = 1 << 30;
        Self {
            document_bytes: 4 << 20,
            // As many as overlayfs stacks.
            layers: 500,
            layer_bytes: 32 * GIB,
            unpacked_layer_bytes: 64 * GIB,
            layer_entries: 1_000_000,
            archive_bytes: 128 * GIB,
        }
    }
}

impl RegistryConfig {
    /// Checks what can be checked without a network.
    ///
    /// # Errors
    /// [`ImageError::InvalidConfig`] naming the field.
    pub fn validate(&self) -> Result<(), ImageError> {
        if self.parallel_downloads == 0 {
            return Err(invalid("parallel_downloads", "must be at least 1"));
        }
        for (name, settings) in &self.registries {
            for mirror in &settings.mirrors {
                endpoint::parse_mirror(mirror)
                    .map_err(|reason| invalid(&format!("registries.{name}.mirrors"), &reason))?;
            }
            if settings.mirrors_only && settings.mirrors.is_empty() {
                let field = format!("registries.{name}.mirrors_only");
                return Err(invalid(&field, "needs at least one mirror"));
            }
        }
        Ok(())
    }
}

fn invalid(field: &str, reason: &str) -> ImageError {
    ImageError::InvalidConfig {
        field: field.to_owned(),
        reason: reason.to_owned(),
    }
}

fn seconds<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_secs)
}
