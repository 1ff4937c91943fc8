//! Images and what can go wrong with them, as clients read it.

use std::collections::HashMap;

use lifepod_lifecycle::port::{ImageError, ImageRecord};
use lifepod_proto::v1 as proto;

use crate::{convert::time::exact, error::ApiError, shared::Shared};

const DEFAULT_REGISTRY: &str = "docker.io";

/// Which containers use which image, by the image's id.
pub(super) struct Usage(HashMap<String, Vec<String>>);

impl Usage {
    pub(super) fn now(shared: &Shared) -> Self {
        let mut users: HashMap<String, Vec<String>> = HashMap::new();
        for pod in shared.engine.snapshot().pods {
            let running = pod.state().containers.iter().filter(|c| c.may_run());
            for container in running {
                if let Some(image) = &container.image {
                    let name = format!("{}/{}", pod.meta.key, container.name);
                    users.entry(image.id.clone()).or_default().push(name);
                }
            }
        }
        Self(users)
    }

    pub(super) fn of(&self, record: &ImageRecord) -> &[String] {
        self.0.get(&record.id).map_or(&[], Vec::as_slice)
    }
}

pub(super) fn image(record: &ImageRecord, usage: &Usage) -> proto::Image {
    proto::Image {
        id: record.id.clone(),
        tags: record.repo_tags.clone(),
        digests: record.repo_digests.clone(),
        size_bytes: i64::try_from(record.size).unwrap_or(i64::MAX),
        pulled_at: Some(exact(record.pulled_at)),
        container_count: i32::try_from(usage.of(record).len()).unwrap_or(i32::MAX),
        ..proto::Image::default()
    }
}

/// Every name of an image: by tag, by digest.
pub(super) fn references(record: &ImageRecord) -> Vec<String> {
    let names = record.repo_tags.iter().chain(&record.repo_digests);
    names.cloned().collect()
}

/// What went wrong with the image of that reference.
pub(super) fn error(failure: ImageError, reference: &str) -> ApiError {
    let reference = reference.to_owned();
    match failure {
        ImageError::InvalidName { message } => {
            ApiError::ImageReferenceInvalid { reference, message }
        }
        // An image this machine cannot run is, for its user, not there.
        ImageError::NotFound { message } | ImageError::Invalid { message } => {
            ApiError::ImageNotFound { reference, message }
        }
        ImageError::Unauthorized { message } => ApiError::RegistryDenied {
            registry: registry(&reference),
            reference,
            detail: message,
        },
        ImageError::Unavailable { message } => ApiError::RegistryUnavailable {
            registry: registry(&reference),
            detail: message,
        },
        ImageError::InUse { message } => ApiError::ImageInUse {
            reference,
            message,
            containers: Vec::new(),
        },
        ImageError::Store { message } => ApiError::RuntimeUnavailable { detail: message },
        ImageError::Unsupported { what } => ApiError::PartNotServed {
            rpc: "lifepod.v1.ImageService",
            what,
        },
    }
}

/// The registry a reference names: its first part, if that looks like a host.
fn registry(reference: &str) -> String {
    let first = reference.split_once('/').map(|(first, _)| first);
    let host = first.filter(|f| f.contains(['.', ':']) || *f == "localhost");
    host.unwrap_or(DEFAULT_REGISTRY).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_is_the_host_of_a_reference() {
        for (reference, host) in [
            ("nginx", "docker.io"),
            ("library/nginx:1", "docker.io"),
            ("quay.io/a/b", "quay.io"),
            ("localhost/a", "localhost"),
            ("127.0.0.1:5000/a:1", "127.0.0.1:5000"),
        ] {
            assert_eq!(registry(reference), host);
        }
    }
}
