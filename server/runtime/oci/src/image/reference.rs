//! Image references: what users type, and the one canonical form the store knows.
//!
//! The rules are those Kubernetes and every CRI runtime share: `nginx` means
//! `docker.io/library/nginx:latest`. Text before the first slash is a registry only if it has a dot, a
//! port or an upper-case letter, or is `localhost`.

use std::fmt;
use std::str::FromStr;

use super::digest::{Digest, DigestError};
use super::error::ImageError;

const DEFAULT_REGISTRY: &str = "docker.io";
const LEGACY_DEFAULT_REGISTRY: &str = "index.docker.io";
const OFFICIAL_NAMESPACE: &str = "library/";
const DEFAULT_TAG: &str = "latest";
const MAX_REPOSITORY_LEN: usize = 255;
const MAX_TAG_LEN: usize = 128;
const INVALID: &str = "invalid reference format";

/// A complete image reference: registry, repository and a tag, a digest or both.
///
/// When both are given the digest decides, as everywhere in Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl Reference {
    /// Parses a reference and fills in the default registry, namespace and tag.
    ///
    /// # Errors
    /// [`ImageError::InvalidImageName`] with the text Kubernetes shows.
    pub fn parse(image: &str) -> Result<Self, ImageError> {
        parse(image).map_err(|reason| ImageError::InvalidImageName {
            image: image.to_owned(),
            reason,
        })
    }

    /// The registry's name as in the reference, such as `docker.io` or `localhost:5000`.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository within the registry, such as `library/nginx`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// Registry and repository, such as `docker.io/library/nginx`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// The tag; absent only when a digest was given without one.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, if the reference pins one.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    fn check(&self) -> Result<(), String> {
        let repository = &self.repository;
        if repository.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(format!(
                "{INVALID}: repository name ({repository}) must be lowercase"
            ));
        }
        let well_formed = valid_registry(&self.registry)
            && repository.split('/').all(valid_component)
            && self.tag().is_none_or(valid_tag);
        if !well_formed {
            return Err(INVALID.to_owned());
        }
        if repository.len() > MAX_REPOSITORY_LEN {
            return Err(format!(
                "repository name must not be more than {MAX_REPOSITORY_LEN} characters"
            ));
        }
        Ok(())
    }

    /// The name this reference may move: its tag, unless a digest pins it.
    pub(crate) fn tag_name(&self) -> Option<String> {
        match (&self.tag, &self.digest) {
            (Some(tag), None) => Some(format!("{}:{tag}", self.name())),
            _ => None,
        }
    }

    /// `registry/repository@digest`.
    pub(crate) fn repo_digest(&self, digest: &Digest) -> String {
        format!("{}@{digest}", self.name())
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl FromStr for Reference {
    type Err = ImageError;

    fn from_str(image: &str) -> Result<Self, ImageError> {
        Self::parse(image)
    }
}

fn parse(image: &str) -> Result<Reference, String> {
    if Digest::from_hex(super::digest::Algorithm::Sha256, image).is_ok() {
        return Err(format!(
            "invalid repository name ({image}), cannot specify 64-byte hexadecimal strings"
        ));
    }
    let (rest, digest) = match image.split_once('@') {
        Some((rest, digest)) => (rest, Some(parse_digest(digest)?)),
        None => (image, None),
    };
    let (registry, rest) = split_registry(rest);
    let (repository, tag) = split_tag(rest);
    let tag = match (tag, &digest) {
        (None, None) => Some(DEFAULT_TAG),
        (tag, _) => tag,
    };
    let reference = Reference {
        registry: registry.to_owned(),
        repository: if registry == DEFAULT_REGISTRY && !repository.contains('/') {
            format!("{OFFICIAL_NAMESPACE}{repository}")
        } else {
            repository.to_owned()
        },
        tag: tag.map(str::to_owned),
        digest,
    };
    reference.check()?;
    Ok(reference)
}

fn parse_digest(text: &str) -> Result<Digest, String> {
    let hex_only = |hex: &str| hex.len() >= 32 && hex.bytes().all(|b| b.is_ascii_hexdigit());
    match text.parse() {
        Ok(digest) => Ok(digest),
        // What does not look like a digest at all makes the whole reference ill-formed.
        Err(error) if text.split_once(':').is_some_and(|(_, hex)| hex_only(hex)) => {
            Err(DigestError::to_string(&error))
        }
        Err(_) => Err(INVALID.to_owned()),
    }
}

fn split_registry(name: &str) -> (&str, &str) {
    let Some((first, rest)) = name.split_once('/') else {
        return (DEFAULT_REGISTRY, name);
    };
    let is_registry = first == "localhost"
        || first.contains(['.', ':'])
        || first.bytes().any(|b| b.is_ascii_uppercase());
    match (is_registry, first) {
        (false, _) => (DEFAULT_REGISTRY, name),
        (true, LEGACY_DEFAULT_REGISTRY) => (DEFAULT_REGISTRY, rest),
        (true, registry) => (registry, rest),
    }
}

/// A colon after the last slash starts the tag.
fn split_tag(rest: &str) -> (&str, Option<&str>) {
    let last_component = rest.rfind('/').map_or(0, |slash| slash + 1);
    match rest[last_component..].find(':') {
        Some(colon) => {
            let colon = last_component + colon;
            (&rest[..colon], Some(&rest[colon + 1..]))
        }
        None => (rest, None),
    }
}

fn valid_registry(registry: &str) -> bool {
    let (host, port) = match registry.strip_prefix('[').and_then(|r| r.split_once(']')) {
        Some((address, after)) => {
            let address_ok =
                !address.is_empty() && address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':');
            if !address_ok {
                return false;
            }
            match after.strip_prefix(':') {
                Some(port) => (None, Some(port)),
                None if after.is_empty() => (None, None),
                None => return false,
            }
        }
        None => match registry.split_once(':') {
            Some((host, port)) => (Some(host), Some(port)),
            None => (Some(registry), None),
        },
    };
    let host_ok = host.is_none_or(|host| host.split('.').all(valid_host_label));
    let port_ok =
        port.is_none_or(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()));
    host_ok && port_ok
}

fn valid_host_label(label: &str) -> bool {
    let alphanumeric = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = label.as_bytes();
    alphanumeric(bytes.first())
        && alphanumeric(bytes.last())
        && bytes
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || *b == b'-')
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn valid_component(component: &str) -> bool {
    let bytes = component.as_bytes();
    let is_word = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    if !bytes.first().is_some_and(is_word) || !bytes.last().is_some_and(is_word) {
        return false;
    }
    bytes
        .split(is_word)
        .filter(|separator| !separator.is_empty())
        .all(|separator| {
            matches!(separator, b"." | b"_" | b"__") || separator.iter().all(|b| *b == b'-')
        })
}

fn valid_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let bytes = tag.as_bytes();
    (1..=MAX_TAG_LEN).contains(&bytes.len())
        && word(bytes[0])
        && bytes.iter().all(|&b| word(b) || matches!(b, b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: &str = "sha256:ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";

    #[test]
    fn fills_in_what_the_user_left_out() {
        for (image, canonical) in [
            ("nginx", "docker.io/library/nginx:latest"),
            ("nginx:1.27", "docker.io/library/nginx:1.27"),
            ("test.com:5000", "docker.io/library/test.com:5000"),
            ("index.docker.io/nginx", "docker.io/library/nginx:latest"),
            ("docker.io/a/b", "docker.io/a/b:latest"),
            ("a/b:Tag", "docker.io/a/b:Tag"),
            ("localhost/app", "localhost/app:latest"),
            ("test:5000/repo", "test:5000/repo:latest"),
            ("MyHost/app", "MyHost/app:latest"),
            ("[::1]:5000/app", "[::1]:5000/app:latest"),
            ("foo_bar.com:8080", "docker.io/library/foo_bar.com:8080"),
            ("sub.foo.com/bar/baz:v1", "sub.foo.com/bar/baz:v1"),
            ("a--b/c__d/e.f", "docker.io/a--b/c__d/e.f:latest"),
        ] {
            let reference = Reference::parse(image).unwrap();
            assert_eq!(reference.to_string(), canonical, "{image}");
            assert_eq!(Reference::parse(canonical).unwrap(), reference, "{image}");
        }
    }

    #[test]
    fn a_digest_pins_and_leaves_no_tag_to_move() {
        let pinned = Reference::parse(&format!("nginx@{SHA}")).unwrap();
        assert_eq!(pinned.to_string(), format!("docker.io/library/nginx@{SHA}"));
        let both = Reference::parse(&format!("nginx:1@{SHA}")).unwrap();
        assert_eq!((both.tag(), both.tag_name()), (Some("1"), None));
    }

    #[test]
    fn refuses_with_the_words_users_know() {
        let error = Reference::parse("bad::ref").unwrap_err();
        assert_eq!(
            error.to_string(),
            "Failed to apply default image tag \"bad::ref\": couldn't parse image name \"bad::ref\": \
             invalid reference format"
        );
        assert_eq!(error.waiting_reason(), "InvalidImageName");
    }

    #[test]
    fn refuses_every_malformed_part() {
        let long = format!("{}/x", "a".repeat(255));
        for (image, reason) in [
            ("", INVALID),
            (":tag", INVALID),
            ("a//b", INVALID),
            ("a/", INVALID),
            ("/a", INVALID),
            ("a..b", INVALID),
            ("a___b", INVALID),
            ("a:", INVALID),
            ("a:.x", INVALID),
            ("a b", INVALID),
            ("../x", INVALID),
            ("host:port/x", INVALID),
            ("-h.com/x", INVALID),
            ("a@", INVALID),
            ("a@sha256:12", INVALID),
            ("a@b@c", INVALID),
            (&format!("a@{SHA}ff"), "invalid checksum digest length"),
            (
                &format!("a@md5:{}", "f".repeat(32)),
                "unsupported digest algorithm",
            ),
            (&"f".repeat(64), "invalid repository name"),
            ("Nginx", "repository name (library/Nginx) must be lowercase"),
            ("h:5/Up/x", "must be lowercase"),
            (
                &long,
                "repository name must not be more than 255 characters",
            ),
            (&format!("a:{}", "t".repeat(129)), INVALID),
        ] {
            let error = Reference::parse(image).unwrap_err().to_string();
            assert!(error.contains(reason), "{image}: {error}");
        }
    }
}
