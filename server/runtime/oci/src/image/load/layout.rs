//! Finds the images among an archive's members.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

use super::ingest::Members;
use crate::image::digest::Digest;
use crate::image::error::ImageError;
use crate::image::locks::Lease;
use crate::image::manifest::{Descriptor, Document, OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, select};
use crate::image::pull::Plan;
use crate::image::reference::Reference;
use crate::image::store::Inner;

/// containerd, docker and buildkit put the whole name here, others a tag or a name into the second.
const NAME_ANNOTATIONS: [&str; 2] = [
    "io.containerd.image.name",
    "org.opencontainers.image.ref.name",
];

/// An image in an archive.
pub(super) struct Found {
    pub(super) plan: Plan,
    pub(super) names: Vec<Reference>,
}

pub(super) fn images(
    inner: &Inner,
    members: &Members,
    lease: &mut Lease,
    name: Option<Reference>,
) -> Result<Vec<Found>, ImageError> {
    // New archives of docker hold both; the OCI half keeps the original manifest.
    let mut found = match (
        members.document("index.json"),
        members.document("manifest.json"),
    ) {
        (Some(index), _) => oci_images(inner, index)?,
        (None, Some(manifest)) => docker_images(inner, members, manifest, lease)?,
        (None, None) => {
            let reason = "it has neither an index.json nor a manifest.json";
            return Err(malformed(reason));
        }
    };
    if let Some(name) = name {
        let mut nameless = found.iter_mut().filter(|image| image.names.is_empty());
        if let Some(image) = nameless.next() {
            image.names.push(name);
        }
        if nameless.next().is_some() {
            return Err(malformed("it holds several images without a name"));
        }
    }
    Ok(found)
}

fn oci_images(inner: &Inner, index: &[u8]) -> Result<Vec<Found>, ImageError> {
    let Document::Index(entries) = Document::parse(index)? else {
        return Err(malformed("its index.json is not an index"));
    };
    let mut found = Vec::new();
    let mut refused = None;
    for entry in &entries {
        match oci_image(inner, entry) {
            Ok(image) => found.push(image),
            // Archives may hold other platforms beside ours, attestations and other artifacts.
            Err(error @ ImageError::Unsupported { .. }) => refused = Some(error),
            Err(error) => return Err(error),
        }
    }
    match (found.is_empty(), refused) {
        (true, Some(error)) => Err(error),
        (true, None) => Err(malformed("it holds no image")),
        (false, _) => Ok(found),
    }
}

fn oci_image(inner: &Inner, entry: &Descriptor) -> Result<Found, ImageError> {
    let (digest, bytes, manifest) = match read_document(inner, &entry.digest)? {
        (bytes, Document::Image(manifest)) => (entry.digest.clone(), bytes, manifest),
        (_, Document::Index(entries)) => {
            let chosen = select(&entries, &inner.host)?.digest.clone();
            match read_document(inner, &chosen)? {
                (bytes, Document::Image(manifest)) => (chosen, bytes, manifest),
                _ => return Err(ImageError::unsupported("an index within an index")),
            }
        }
    };
    let config = read(inner, &manifest.config.digest)?;
    let plan = Plan::new(
        entry.digest.clone(),
        (digest, bytes),
        &manifest,
        config,
        &inner.host,
        &inner.config.limits,
    )?;
    let names = NAME_ANNOTATIONS
        .iter()
        .filter_map(|key| entry.annotation(key))
        // A bare tag names no repository.
        .filter(|name| name.contains(['/', ':']))
        .find_map(|name| Reference::parse(name).ok());
    Ok(Found {
        plan,
        names: names.into_iter().collect(),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerImage {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Option<Vec<String>>,
}

fn docker_images(
    inner: &Inner,
    members: &Members,
    manifest: &[u8],
    lease: &mut Lease,
) -> Result<Vec<Found>, ImageError> {
    let images: Vec<DockerImage> =
        serde_json::from_slice(manifest).map_err(|error| malformed(&error.to_string()))?;
    if images.is_empty() {
        return Err(malformed("it holds no image"));
    }
    let image = |image| docker_image(inner, members, image, lease);
    images.iter().map(image).collect()
}

/// Such an archive has no manifest in our sense, so one is written for it.
fn docker_image(
    inner: &Inner,
    members: &Members,
    image: &DockerImage,
    lease: &mut Lease,
) -> Result<Found, ImageError> {
    let bytes = write_manifest(members, image)?;
    let digest = Digest::of(&bytes);
    lease.add([&digest]);
    let Document::Image(manifest) = Document::parse(&bytes)? else {
        return Err(malformed("its manifest.json is not a list of images"));
    };
    let config = read(inner, &manifest.config.digest)?;
    let plan = Plan::new(
        digest.clone(),
        (digest, bytes),
        &manifest,
        config,
        &inner.host,
        &inner.config.limits,
    )?;
    let tags = image.repo_tags.as_deref().unwrap_or_default();
    let names: Result<_, _> = tags.iter().map(|tag| Reference::parse(tag)).collect();
    Ok(Found {
        plan,
        names: names?,
    })
}

fn write_manifest(members: &Members, image: &DockerImage) -> Result<Bytes, ImageError> {
    let descriptor = |path: &String, media_type: &str| {
        let missing = || malformed(&format!("`{path}` is missing"));
        let (digest, size) = members.blob(path).ok_or_else(missing)?;
        Ok(json!({"mediaType": media_type, "digest": digest, "size": size}))
    };
    let layers = image.layers.as_deref().unwrap_or_default().iter();
    let layers: Result<Vec<_>, ImageError> =
        layers.map(|path| descriptor(path, OCI_LAYER)).collect();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(&image.config, OCI_CONFIG)?,
        "layers": layers?,
    });
    Ok(manifest.to_string().into())
}

fn read_document(inner: &Inner, digest: &Digest) -> Result<(Bytes, Document), ImageError> {
    let bytes = read(inner, digest)?;
    let document = Document::parse(&bytes)?;
    Ok((bytes, document))
}

fn read(inner: &Inner, digest: &Digest) -> Result<Bytes, ImageError> {
    if !inner.blobs.contains(digest) {
        return Err(malformed(&format!("`{digest}` is missing")));
    }
    let bytes = inner
        .blobs
        .read(digest, inner.config.limits.document_bytes)?;
    Ok(bytes.into())
}

fn malformed(reason: &str) -> ImageError {
    ImageError::malformed("image archive", reason)
}
