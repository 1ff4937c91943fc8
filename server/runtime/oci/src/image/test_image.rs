//! Small images for tests.

use std::io::Write;

use serde_json::json;

use super::digest::Digest;
use super::manifest::{OCI_CONFIG, OCI_INDEX, OCI_MANIFEST};
use super::platform::Platform;
use super::test_archive::Archive;

const GZIP_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// An image as a registry would hold it.
#[derive(Clone)]
pub(crate) struct TestImage {
    pub(crate) config: Vec<u8>,
    pub(crate) manifest: Vec<u8>,
    /// Compressed.
    pub(crate) layers: Vec<Vec<u8>>,
    /// Uncompressed.
    pub(crate) archives: Vec<Vec<u8>>,
}

impl TestImage {
    /// One layer per list of files.
    pub(crate) fn new(layers: &[&[(&str, &[u8])]]) -> Self {
        let archive = |files: &&[(&str, &[u8])]| {
            let mut archive = Archive::new();
            for (name, data) in *files {
                archive.add(name, |entry| entry.data(data));
            }
            archive.finish()
        };
        Self::from_archives(layers.iter().map(archive).collect())
    }

    pub(crate) fn from_archives(archives: Vec<Vec<u8>>) -> Self {
        let diff_ids: Vec<Digest> = archives.iter().map(|archive| Digest::of(archive)).collect();
        Self::with_diff_ids(archives, &diff_ids)
    }

    pub(crate) fn with_diff_ids(archives: Vec<Vec<u8>>, diff_ids: &[Digest]) -> Self {
        let host = Platform::host();
        let config = json!({
            "architecture": host.architecture,
            "os": host.os,
            "created": "2024-05-01T00:00:00Z",
            "config": {"Entrypoint": ["/bin/app"], "Env": ["A=1"], "User": "7"},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        let config = config.to_string().into_bytes();
        let layers: Vec<Vec<u8>> = archives.iter().map(|archive| gzip(archive)).collect();
        let descriptor = |media_type: &str, content: &[u8]| json!({"mediaType": media_type, "digest": Digest::of(content), "size": content.len()});
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": descriptor(OCI_CONFIG, &config),
            "layers": layers.iter().map(|l| descriptor(GZIP_LAYER, l)).collect::<Vec<_>>(),
        });
        Self {
            manifest: manifest.to_string().into_bytes(),
            config,
            layers,
            archives,
        }
    }

    /// An index that offers this image for this machine and something else for others.
    pub(crate) fn index(&self) -> Vec<u8> {
        let host = Platform::host();
        let ours = json!({
            "mediaType": OCI_MANIFEST,
            "digest": Digest::of(&self.manifest),
            "size": self.manifest.len(),
            "platform": {"os": host.os, "architecture": host.architecture},
        });
        let other = json!({
            "mediaType": OCI_MANIFEST,
            "digest": Digest::of(b"other"),
            "size": 5,
            "platform": {"os": "plan9", "architecture": "mips"},
        });
        let index = json!({
            "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [other, ours],
        });
        index.to_string().into_bytes()
    }

    pub(crate) fn id(&self) -> Digest {
        Digest::of(&self.config)
    }

    /// An OCI layout with this image, found through a nested index, under `annotations`.
    pub(crate) fn oci_archive(&self, annotations: &serde_json::Value) -> Vec<u8> {
        let mut archive = Archive::new();
        archive.add("oci-layout", |e| {
            e.data(br#"{"imageLayoutVersion":"1.0.0"}"#)
        });
        let nested = self.index();
        let index = json!({"schemaVersion": 2, "manifests": [{
            "mediaType": OCI_INDEX,
            "digest": Digest::of(&nested),
            "size": nested.len(),
            "annotations": annotations,
        }]});
        archive.add("index.json", |e| e.data(index.to_string().as_bytes()));
        let documents = [&nested, &self.manifest, &self.config];
        for blob in documents.into_iter().chain(&self.layers) {
            let name = format!("blobs/sha256/{}", Digest::of(blob).hex());
            archive.add(&name, |e| e.data(blob));
        }
        archive.finish()
    }

    /// What `docker save` wrote before it knew OCI, layers behind links as podman makes them.
    pub(crate) fn docker_archive(&self, tags: &[&str]) -> Vec<u8> {
        let mut archive = Archive::new();
        let mut layers = Vec::new();
        for (number, layer) in self.archives.iter().enumerate() {
            archive.add(&format!("{number}.tar"), |e| e.data(layer));
            let linked = format!("{number}/layer.tar");
            archive.add(&linked, |e| e.symlink(&format!("../{number}.tar")));
            layers.push(linked);
        }
        let manifest = json!([{"Config": "config.json", "RepoTags": tags, "Layers": layers}]);
        archive.add("manifest.json", |e| e.data(manifest.to_string().as_bytes()));
        archive.add("config.json", |e| e.data(&self.config));
        archive.finish()
    }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
