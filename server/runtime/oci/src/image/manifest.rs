//! Manifests and indexes, OCI and Docker version 2 schema 2.
//!
//! Only what a runtime needs is read. A document that could be read in two ways is refused, whatever its
//! media type says, so that two readers can never see two images behind one digest.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::digest::Digest;
use super::error::ImageError;
use super::platform::Platform;

pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";

/// What a pull asks the registry for.
pub(crate) const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
     application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.docker.distribution.manifest.v2+json";

const LAYER_TYPES: [&str; 10] = [
    OCI_LAYER,
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd",
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
];

/// A typed, sized, content-addressed pointer.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    #[serde(default)]
    pub(crate) media_type: String,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    #[serde(default)]
    pub(crate) platform: Option<Platform>,
    #[serde(default)]
    pub(crate) annotations: Option<BTreeMap<String, String>>,
}

impl Descriptor {
    pub(crate) fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(key).map(String::as_str)
    }
}

/// One image for one platform.
#[derive(Debug, Clone)]
pub(crate) struct Manifest {
    pub(crate) config: Descriptor,
    pub(crate) layers: Vec<Descriptor>,
}

/// The two kinds of document a reference may lead to.
#[derive(Debug, Clone)]
pub(crate) enum Document {
    Image(Manifest),
    Index(Vec<Descriptor>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    schema_version: u32,
    #[serde(default)]
    media_type: Option<String>,
    #[serde(default)]
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Option<Vec<Descriptor>>,
    #[serde(default)]
    manifests: Option<Vec<Descriptor>>,
}

impl Document {
    /// Reads a manifest or an index.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, ImageError> {
        let raw: Raw = serde_json::from_slice(bytes)
            .map_err(|error| ImageError::malformed("image manifest", error))?;
        if raw.schema_version != 2 {
            return Err(ImageError::unsupported(format!(
                "image manifest schema version {}",
                raw.schema_version
            )));
        }
        let media_type = raw.media_type.as_deref().unwrap_or_default();
        match (raw.manifests, raw.config, raw.layers) {
            (Some(manifests), None, None) => {
                expect_type(media_type, &[OCI_INDEX, DOCKER_LIST], "image index")?;
                Ok(Self::Index(manifests))
            }
            (None, Some(config), Some(layers)) => {
                expect_type(
                    media_type,
                    &[OCI_MANIFEST, DOCKER_MANIFEST],
                    "image manifest",
                )?;
                let manifest = Manifest { config, layers };
                manifest.check_types()?;
                Ok(Self::Image(manifest))
            }
            _ => Err(ImageError::malformed(
                "image manifest",
                "neither an image nor an index",
            )),
        }
    }
}

impl Manifest {
    fn check_types(&self) -> Result<(), ImageError> {
        let config_type = self.config.media_type.as_str();
        expect_type(config_type, &[OCI_CONFIG, DOCKER_CONFIG], "artifact config")?;
        let foreign = self
            .layers
            .iter()
            .find(|layer| !LAYER_TYPES.contains(&layer.media_type.as_str()));
        match foreign {
            Some(layer) => Err(ImageError::unsupported(format!(
                "layer media type `{}`",
                layer.media_type
            ))),
            None => Ok(()),
        }
    }
}

/// Old tools leave the media type out, so absent is accepted.
fn expect_type(media_type: &str, accepted: &[&str], what: &str) -> Result<(), ImageError> {
    if media_type.is_empty() || accepted.contains(&media_type) {
        return Ok(());
    }
    Err(ImageError::unsupported(format!(
        "{what} media type `{media_type}`"
    )))
}

/// The index entry that runs best on `host`.
pub(crate) fn select<'a>(
    entries: &'a [Descriptor],
    host: &Platform,
) -> Result<&'a Descriptor, ImageError> {
    let mut best: Option<(u32, &Descriptor)> = None;
    for entry in entries {
        let rank = match &entry.platform {
            Some(platform) => host.rank(platform),
            // A lone entry may leave its platform to the image config, which is checked later.
            None if entries.len() == 1 => Some(0),
            None => None,
        };
        if let Some(rank) = rank
            && best.is_none_or(|(best_rank, _)| rank > best_rank)
        {
            best = Some((rank, entry));
        }
    }
    best.map(|(_, entry)| entry).ok_or_else(|| {
        let offered: Vec<String> = entries
            .iter()
            .filter_map(|entry| entry.platform.as_ref())
            .filter(|platform| platform.os != "unknown")
            .map(Platform::to_string)
            .collect();
        ImageError::unsupported(format!(
            "it has no variant for {host}, only for {}",
            offered.join(", ")
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff","size":2}"#;

    fn parse(json: &str) -> Result<Document, ImageError> {
        Document::parse(json.as_bytes())
    }

    #[test]
    fn a_document_that_is_both_image_and_index_is_refused() {
        let json = format!(r#"{{"schemaVersion":2,"config":{CONFIG},"layers":[],"manifests":[]}}"#);
        assert!(matches!(parse(&json), Err(ImageError::Malformed { .. })));
    }

    #[test]
    fn a_media_type_that_contradicts_the_content_is_refused() {
        let json = format!(
            r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","config":{CONFIG},"layers":[]}}"#
        );
        assert!(matches!(parse(&json), Err(ImageError::Unsupported { .. })));
    }

    #[test]
    fn schema_one_and_artifacts_are_unsupported() {
        let schema_one = parse(r#"{"schemaVersion":1,"fsLayers":[]}"#).unwrap_err();
        assert!(schema_one.to_string().contains("schema version 1"));
        let helm = CONFIG.replace("oci.image.config", "cncf.helm.config");
        let helm = parse(&format!(
            r#"{{"schemaVersion":2,"config":{helm},"layers":[]}}"#
        ));
        assert!(matches!(helm, Err(ImageError::Unsupported { .. })));
    }

    #[test]
    fn negative_or_missing_sizes_are_malformed() {
        let json = format!(
            r#"{{"schemaVersion":2,"config":{},"layers":[]}}"#,
            CONFIG.replace(":2", ":-2")
        );
        assert!(matches!(parse(&json), Err(ImageError::Malformed { .. })));
    }

    #[test]
    fn selects_this_platform_and_skips_attestations() {
        let entry = |digit: char, platform: &str| {
            format!(
                r#"{{"mediaType":"{OCI_MANIFEST}","digest":"sha256:{}","size":1,"platform":{platform}}}"#,
                digit.to_string().repeat(64)
            )
        };
        let index = format!(
            r#"{{"schemaVersion":2,"manifests":[{},{},{}]}}"#,
            entry('a', r#"{"os":"unknown","architecture":"unknown"}"#),
            entry('b', r#"{"os":"linux","architecture":"arm","variant":"v6"}"#),
            entry('c', r#"{"os":"linux","architecture":"arm","variant":"v7"}"#),
        );
        let Document::Index(entries) = parse(&index).unwrap() else {
            panic!("not an index");
        };
        let host = |architecture: &str| Platform {
            os: "linux".to_owned(),
            architecture: architecture.to_owned(),
            variant: None,
        };
        let chosen = select(&entries, &host("arm")).unwrap();
        assert!(chosen.digest.hex().starts_with('c'));
        let error = select(&entries, &host("s390x")).unwrap_err().to_string();
        assert_eq!(
            error,
            "unsupported image: it has no variant for linux/s390x, only for linux/arm/v6, linux/arm/v7"
        );
    }
}
