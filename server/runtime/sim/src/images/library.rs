//! The image store and the registry behind it: names only.

use std::collections::{BTreeMap, BTreeSet};

use lifepod_lifecycle::{
    port::{ImageError, ImageRecord},
    time::Timestamp,
};

use serde::{Deserialize, Serialize};

use crate::dice;

/// Bytes of every simulated image.
const SIZE: u64 = 10 << 20;
/// The repository that the registry does not have, with everything that begins with it and `-`.
const MISSING: &str = "docker.io/sim/missing";

/// A library as it is written down.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// When each was pulled, by canonical reference.
    stored: BTreeMap<String, Timestamp>,
    pushed: BTreeSet<String>,
}

#[derive(Default)]
pub(crate) struct Library {
    /// By canonical reference.
    stored: BTreeMap<String, ImageRecord>,
    /// What was pushed although the registry would not have it.
    pushed: BTreeSet<String>,
}

impl Library {
    /// As it is written down.
    pub(crate) fn kept(&self) -> Kept {
        let stored = self.stored.iter();
        Kept {
            stored: stored
                .map(|(name, image)| (name.clone(), image.pulled_at))
                .collect(),
            pushed: self.pushed.clone(),
        }
    }

    /// Takes over what was written down.
    pub(crate) fn load(&mut self, kept: Kept) {
        for (name, pulled_at) in kept.stored {
            let image = record(&name, pulled_at);
            self.stored.insert(name, image);
        }
        self.pushed = kept.pushed;
    }

    /// Makes the registry have an image.
    pub(crate) fn push(&mut self, canonical: &str) {
        self.pushed.insert(canonical.to_owned());
    }

    /// Takes an image from the registry into the store.
    pub(crate) fn pull(
        &mut self,
        canonical: &str,
        now: Timestamp,
    ) -> Result<ImageRecord, ImageError> {
        let missing = is_missing(canonical) && !self.pushed.contains(canonical);
        if missing {
            let message = format!("image `{canonical}` not found in the simulated registry");
            return Err(ImageError::NotFound { message });
        }
        let image = record(canonical, now);
        self.stored.insert(canonical.to_owned(), image.clone());
        Ok(image)
    }

    pub(crate) fn list(&self) -> Vec<ImageRecord> {
        let mut images: Vec<_> = self.stored.values().cloned().collect();
        images.sort_by(|a, b| a.id.cmp(&b.id));
        images
    }

    /// One image by reference, digest reference or id.
    pub(crate) fn find(&self, reference: &str) -> Option<&ImageRecord> {
        let by_name = || self.stored.get(&canonical(reference).ok()?);
        let by_id = || {
            self.stored.values().find(|image| {
                image.id == reference || image.repo_digests.iter().any(|d| d == reference)
            })
        };
        by_id().or_else(by_name)
    }

    pub(crate) fn remove(&mut self, id: &str) {
        self.stored.retain(|_, image| image.id != id);
    }
}

fn is_missing(canonical: &str) -> bool {
    canonical
        .strip_prefix(MISSING)
        .is_some_and(|rest| rest.starts_with([':', '@', '-']))
}

fn record(canonical: &str, pulled_at: Timestamp) -> ImageRecord {
    let (name, digest) = match canonical.split_once('@') {
        Some((name, digest)) => (name, digest.to_owned()),
        None => (
            canonical,
            format!("sha256:{}", dice::id(&["manifest", canonical])),
        ),
    };
    let repository = repository(name);
    let tagged = name != repository;
    ImageRecord {
        id: format!("sha256:{}", dice::id(&["image", canonical])),
        repo_tags: if tagged {
            vec![name.to_owned()]
        } else {
            vec![]
        },
        repo_digests: vec![format!("{repository}@{digest}")],
        size: SIZE,
        pulled_at,
    }
}

/// A name without its tag.
fn repository(name: &str) -> &str {
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => name,
    }
}

/// The full form of a reference: registry, path, tag or digest.
pub(crate) fn canonical(reference: &str) -> Result<String, ImageError> {
    let (name, digest) = match reference.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (reference, None),
    };
    let path = repository(name);
    let valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/:".contains(c);
    let hex = |text: &str| text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let digest_is_valid = digest.is_none_or(|d| d.strip_prefix("sha256:").is_some_and(hex));
    let segments_are_valid = path.split('/').all(|s| !s.is_empty()) && path.chars().all(valid);
    // Only a registry has a port, and that needs a path after it.
    let colon = path.split('/').skip(1).any(|s| s.contains(':'))
        || (path.contains(':') && !path.contains('/'));
    if !segments_are_valid || !digest_is_valid || colon || name.ends_with(':') {
        let message = format!("invalid reference format: `{reference}`");
        return Err(ImageError::InvalidName { message });
    }
    let full = match path.split_once('/') {
        None => format!("docker.io/library/{name}"),
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => name.to_owned(),
        Some(_) => format!("docker.io/{name}"),
    };
    Ok(match digest {
        Some(digest) => format!("{full}@{digest}"),
        None if name == path => format!("{full}:latest"),
        None => full,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_become_full() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let by_digest = format!("nginx@{digest}");
        let full_by_digest = format!("docker.io/library/nginx@{digest}");
        for (short, full) in [
            ("nginx", "docker.io/library/nginx:latest"),
            ("nginx:1.27", "docker.io/library/nginx:1.27"),
            ("sim/missing:v1", "docker.io/sim/missing:v1"),
            ("localhost:5000/a", "localhost:5000/a:latest"),
            ("quay.io/a/b:c", "quay.io/a/b:c"),
            (&by_digest, &full_by_digest),
        ] {
            assert_eq!(canonical(short).unwrap(), full);
        }
        for bad in [
            "",
            "Nginx",
            "a b",
            "nginx:",
            "/a",
            "a//b",
            "a@sha256:12",
            "a::b",
            "a/b:c:d",
        ] {
            assert!(canonical(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_image_is_found_by_each_of_its_names() {
        let mut library = Library::default();
        let image = library
            .pull("docker.io/library/nginx:1", Timestamp::EPOCH)
            .unwrap();
        for name in ["nginx:1", &image.id, &image.repo_digests[0]] {
            assert_eq!(library.find(name), Some(&image));
        }
        library.remove(&image.id);
        assert_eq!(library.find("nginx:1"), None);
    }
}
