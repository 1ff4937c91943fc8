//! What the store knows about its images: one small file, replaced atomically at each change.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::content::write_atomically;
use super::digest::Digest;
use super::error::{At, ImageError};
use super::reference::Reference;

const FILE: &str = "index.json";
const VERSION: u32 = 1;

/// All images by id (the digest of their config) and all names that lead to them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Index {
    version: u32,
    pub(crate) images: BTreeMap<Digest, Record>,
    /// Canonical names: `registry/repository:tag` and `registry/repository@digest`.
    pub(crate) names: BTreeMap<String, Name>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) manifest: Digest,
    /// Bytes as downloaded: manifest, config and layers.
    pub(crate) size: u64,
    pub(crate) pulled_at_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Name {
    pub(crate) image: Digest,
    /// What the name led to: the digest of a manifest, or of the index it was chosen from.
    pub(crate) target: Digest,
}

impl Name {
    fn new(image: &Digest, target: &Digest) -> Self {
        Self {
            image: image.clone(),
            target: target.clone(),
        }
    }
}

impl Index {
    fn empty() -> Self {
        Self {
            version: VERSION,
            images: BTreeMap::new(),
            names: BTreeMap::new(),
        }
    }

    /// Reads the index of the store at `root`; a store without one is new.
    pub(crate) fn read(root: &Path) -> Result<Self, ImageError> {
        let path = root.join(FILE);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let index = Self::empty();
                index.write(root)?;
                return Ok(index);
            }
            read => read.at("read", &path)?,
        };
        // Never taken for an empty store: that would delete every image.
        let what = || format!("image index `{}`", path.display());
        let index: Self =
            serde_json::from_slice(&bytes).map_err(|error| ImageError::malformed(what(), error))?;
        if index.version != VERSION {
            let reason = format!("version {} is not {VERSION}", index.version);
            return Err(ImageError::malformed(what(), reason));
        }
        Ok(index)
    }

    pub(crate) fn write(&self, root: &Path) -> Result<(), ImageError> {
        let path = root.join(FILE);
        let bytes = serde_json::to_vec_pretty(self)
            .map_err(|error| ImageError::storage("encode the image index", error))?;
        write_atomically(&path, &bytes)
    }

    /// Adds an image and moves the tags among `references` to it.
    pub(crate) fn add(
        &mut self,
        id: &Digest,
        record: Record,
        target: &Digest,
        references: &[Reference],
    ) {
        self.images.insert(id.clone(), record);
        for tag in references.iter().filter_map(Reference::tag_name) {
            self.names.insert(tag, Name::new(id, target));
        }
    }

    /// Names an image by the digest it has in the registries of `references`.
    pub(crate) fn add_repo_digests(
        &mut self,
        id: &Digest,
        target: &Digest,
        references: &[Reference],
    ) {
        for reference in references {
            let name = reference.repo_digest(target);
            self.names.insert(name, Name::new(id, target));
        }
    }

    /// Removes an image and every name of it.
    pub(crate) fn delete(&mut self, id: &Digest) {
        self.images.remove(id);
        self.names.retain(|_, name| name.image != *id);
    }

    /// Names of `id`: tags, then digests.
    pub(crate) fn names_of(&self, id: &Digest) -> (Vec<String>, Vec<String>) {
        let own = self.names.iter().filter(|(_, name)| name.image == *id);
        own.map(|(name, _)| name.clone())
            .partition(|name| !name.contains('@'))
    }

    /// The image a reference, an image id or the digest of a manifest leads to.
    ///
    /// # Errors
    /// When `text` is none of these in form.
    pub(crate) fn find(&self, text: &str) -> Result<Option<Digest>, ImageError> {
        let bare = Digest::from_hex(super::digest::Algorithm::Sha256, text);
        if let Ok(digest) = text.parse().or(bare) {
            return Ok(self.find_digest(&digest));
        }
        let reference = Reference::parse(text)?;
        let name = match reference.digest() {
            Some(digest) => reference.repo_digest(digest),
            None => reference.to_string(),
        };
        Ok(self.names.get(&name).map(|name| name.image.clone()))
    }

    fn find_digest(&self, digest: &Digest) -> Option<Digest> {
        if self.images.contains_key(digest) {
            return Some(digest.clone());
        }
        let by_manifest = self.images.iter().find(|(_, r)| r.manifest == *digest);
        let by_target = || self.names.values().find(|name| name.target == *digest);
        by_manifest
            .map(|(id, _)| id.clone())
            .or_else(|| by_target().map(|name| name.image.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(manifest: &[u8]) -> Record {
        Record {
            manifest: Digest::of(manifest),
            size: 1,
            pulled_at_ms: 0,
        }
    }

    #[test]
    fn every_way_to_name_an_image_finds_it() {
        let (id, target) = (Digest::of(b"config"), Digest::of(b"index"));
        let mut index = Index::empty();
        let nginx = Reference::parse("nginx:1").unwrap();
        index.add(
            &id,
            record(b"manifest"),
            &target,
            std::slice::from_ref(&nginx),
        );
        index.add_repo_digests(&id, &target, &[nginx]);
        for text in [
            "nginx:1",
            "docker.io/library/nginx:1",
            &format!("nginx@{target}"),
            &format!("nginx:other@{target}"),
            &id.to_string(),
            id.hex(),
            &target.to_string(),
            &Digest::of(b"manifest").to_string(),
        ] {
            assert_eq!(index.find(text).unwrap(), Some(id.clone()), "{text}");
        }
        for text in [
            "nginx",
            "a/nginx:1",
            &format!("a@{target}"),
            &Digest::of(b"x").to_string(),
        ] {
            assert_eq!(index.find(text).unwrap(), None, "{text}");
        }
        assert!(index.find("bad::ref").is_err());
    }

    #[test]
    fn a_moved_tag_leaves_the_old_image_with_its_digest() {
        let mut index = Index::empty();
        let latest = [Reference::parse("app").unwrap()];
        for content in [&b"old"[..], b"new"] {
            let id = Digest::of(content);
            index.add(&id, record(content), &id, &latest);
            index.add_repo_digests(&id, &id, &latest);
        }
        let (tags, digests) = index.names_of(&Digest::of(b"old"));
        assert!(tags.is_empty());
        assert_eq!(digests.len(), 1);
        assert_eq!(index.find("app").unwrap(), Some(Digest::of(b"new")));
    }

    #[test]
    fn a_damaged_index_is_an_error_and_not_an_empty_store() {
        let root = tempfile::tempdir().unwrap();
        assert!(Index::read(root.path()).unwrap().images.is_empty());
        for damage in ["", "{", r#"{"version":2,"images":{},"names":{}}"#] {
            fs::write(root.path().join(FILE), damage).unwrap();
            assert!(Index::read(root.path()).is_err(), "{damage}");
        }
    }
}
