//! Where to ask for an image: its mirrors in order, then the registry itself.

use reqwest::Url;

use super::auth_file;
use super::config::{RegistryConfig, RegistrySettings};
use super::credentials::Credentials;
use crate::image::Reference;

/// One place that may have the image.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    /// Ends with `/v2/`, or a longer path below it.
    pub(super) base: Url,
    /// For people: `registry-1.docker.io` or the mirror as configured.
    pub(super) label: String,
    /// A mirror is told whose image is wanted.
    pub(super) namespace: Option<String>,
    pub(super) credentials: Option<Credentials>,
    pub(super) skip_tls_verify: bool,
    pub(super) ca_file: Option<std::path::PathBuf>,
}

/// The endpoints for `reference` in the order they are tried.
///
/// Credentials given for this pull go to the registry they were given for, never to a mirror elsewhere.
pub(super) fn endpoints(
    config: &RegistryConfig,
    reference: &Reference,
    given: Option<Credentials>,
) -> Result<Vec<Endpoint>, String> {
    let registry = reference.registry();
    let settings = config.registries.get(registry);
    let mut endpoints = Vec::new();
    for mirror in settings.map_or(&[][..], |settings| &settings.mirrors) {
        let base = parse_mirror(mirror)?;
        let host = authority(&base);
        let mut endpoint = Endpoint {
            credentials: stored(config, &host, reference),
            label: mirror.clone(),
            namespace: Some(registry.to_owned()),
            base,
            skip_tls_verify: false,
            ca_file: None,
        };
        endpoint.apply(config.registries.get(&host));
        endpoints.push(endpoint);
    }
    if !settings.is_some_and(|settings| settings.mirrors_only) {
        let base = registry_base(registry, settings.and_then(|settings| settings.plain_http))?;
        let mut endpoint = Endpoint {
            label: registry.to_owned(),
            namespace: None,
            base,
            credentials: given.or_else(|| stored(config, registry, reference)),
            skip_tls_verify: false,
            ca_file: None,
        };
        endpoint.apply(settings);
        endpoints.push(endpoint);
    }
    Ok(endpoints)
}

impl Endpoint {
    fn apply(&mut self, settings: Option<&RegistrySettings>) {
        if let Some(settings) = settings {
            self.skip_tls_verify = settings.skip_tls_verify;
            self.ca_file.clone_from(&settings.ca_file);
        }
    }
}

fn stored(config: &RegistryConfig, host: &str, reference: &Reference) -> Option<Credentials> {
    let settings = config.registries.get(host);
    let configured = settings.and_then(|settings| settings.credentials.clone());
    configured.or_else(|| {
        let files = config.auth_files.as_deref();
        auth_file::find(files, host, reference.repository())
    })
}

pub(super) fn parse_mirror(mirror: &str) -> Result<Url, String> {
    let with_scheme = if mirror.contains("://") {
        mirror.to_owned()
    } else {
        format!("https://{mirror}")
    };
    let mut url = Url::parse(&with_scheme).map_err(|error| format!("`{mirror}`: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(format!("`{mirror}`: not an http or https URL"));
    }
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
        return Err(format!("`{mirror}`: only scheme, host, port and path"));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    let path = match path.as_str() {
        path if path == "/v2" || path.starts_with("/v2/") => format!("{path}/"),
        path => format!("{path}/v2/"),
    };
    url.set_path(&path);
    Ok(url)
}

fn registry_base(registry: &str, plain_http: Option<bool>) -> Result<Url, String> {
    let host = match registry {
        "docker.io" => "registry-1.docker.io",
        host => host,
    };
    let https = Url::parse(&format!("https://{host}/v2/"))
        .map_err(|error| format!("`{registry}`: {error}"))?;
    // A given port 443 vanishes in parsing, so it can be told from no port only in the text.
    let plain = plain_http.unwrap_or_else(|| is_loopback(&https) && !host.ends_with(":443"));
    if !plain {
        return Ok(https);
    }
    Url::parse(&format!("http://{host}/v2/")).map_err(|error| format!("`{registry}`: {error}"))
}

pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(json: &str) -> RegistryConfig {
        serde_json::from_str(json).unwrap()
    }

    fn bases(config: &RegistryConfig, image: &str) -> Vec<String> {
        let reference = Reference::parse(image).unwrap();
        endpoints(config, &reference, None)
            .unwrap()
            .iter()
            .map(|endpoint| endpoint.base.to_string())
            .collect()
    }

    #[test]
    fn mirrors_come_first_and_the_registry_last() {
        let config = config(
            r#"{"auth_files":[],"registries":{
                "docker.io":{"mirrors":["http://127.0.0.1:5000","cache.example/dock","https://h/v2/p"]},
                "only.example":{"mirrors":["http://m"],"mirrors_only":true}}}"#,
        );
        config.validate().unwrap();
        assert_eq!(
            bases(&config, "nginx"),
            [
                "http://127.0.0.1:5000/v2/",
                "https://cache.example/dock/v2/",
                "https://h/v2/p/",
                "https://registry-1.docker.io/v2/",
            ]
        );
        assert_eq!(bases(&config, "only.example/a"), ["http://m/v2/"]);
    }

    #[test]
    fn loopback_is_plain_unless_told_otherwise() {
        let config = config(
            r#"{"auth_files":[],"registries":{
                "127.0.0.1:5001":{"plain_http":false},"r.example":{"plain_http":true}}}"#,
        );
        for (image, base) in [
            ("localhost:5000/a", "http://localhost:5000/v2/"),
            ("127.0.0.1:5000/a", "http://127.0.0.1:5000/v2/"),
            ("[::1]:5000/a", "http://[::1]:5000/v2/"),
            ("localhost:443/a", "https://localhost/v2/"),
            ("127.0.0.1:5001/a", "https://127.0.0.1:5001/v2/"),
            ("r.example/a", "http://r.example/v2/"),
            ("quay.io/a", "https://quay.io/v2/"),
        ] {
            assert_eq!(bases(&config, image), [base], "{image}");
        }
    }

    #[test]
    fn given_credentials_do_not_go_to_a_mirror() {
        let config = config(r#"{"auth_files":[],"registries":{"docker.io":{"mirrors":["m"]}}}"#);
        let reference = Reference::parse("nginx").unwrap();
        let given = Credentials::RegistryToken("t".to_owned());
        let endpoints = endpoints(&config, &reference, Some(given.clone())).unwrap();
        assert_eq!(endpoints[0].credentials, None);
        assert_eq!(endpoints[1].credentials, Some(given));
    }

    #[test]
    fn bad_mirrors_are_named_before_anything_starts() {
        for mirror in ["ftp://x", "http://", "http://u@h", "http://h?q=1"] {
            let mut config = config("{}");
            let settings = RegistrySettings {
                mirrors: vec![mirror.to_owned()],
                ..Default::default()
            };
            config.registries.insert("docker.io".to_owned(), settings);
            let error = config.validate().unwrap_err().to_string();
            assert!(error.contains("registries.docker.io.mirrors"), "{error}");
        }
    }
}
