//! `EnsureImage`: the image of a container, by its pull policy (spec §4.3).

use std::time::Instant;

use lifepod_lifecycle::{
    effect::PodRef,
    id::OpId,
    input::{Fact, ImageFailure, ImageSource},
    spec::ImagePullPolicy,
};

use super::Inner;
use crate::image::{Image, ImageError};

pub(super) async fn ensure(inner: &Inner, pod: &PodRef, op: OpId, container: &str) -> Fact {
    let Some(spec) = pod.container(container) else {
        let message = format!("no container `{container}` in the pod");
        return Fact::ImageFailed {
            op,
            failure: ImageFailure::ImageInspectError,
            message,
        };
    };
    let present = match inner.images.resolve(&spec.image) {
        Ok(image) => Some(image),
        Err(ImageError::NotPresent { .. }) => None,
        Err(error) => return failed(op, &error),
    };
    match (spec.image_pull_policy, present) {
        (ImagePullPolicy::IfNotPresent | ImagePullPolicy::Never, Some(image)) => {
            ready(op, &image, ImageSource::Present)
        }
        (ImagePullPolicy::Never, None) => {
            let message = format!(
                "Container image \"{}\" is not present with pull policy of Never",
                spec.image
            );
            Fact::ImageFailed {
                op,
                failure: ImageFailure::ErrImageNeverPull,
                message,
            }
        }
        (ImagePullPolicy::Always, _) | (ImagePullPolicy::IfNotPresent, None) => {
            inner.tell(&pod.uid, Fact::ImagePulling { op }).await;
            pull(inner, op, &spec.image).await
        }
    }
}

async fn pull(inner: &Inner, op: OpId, reference: &str) -> Fact {
    let began = Instant::now();
    match inner.images.pull(reference, None, None).await {
        Ok(image) => {
            let took = began.elapsed();
            let source = ImageSource::Pulled {
                took,
                waited: took,
                size: image.size,
            };
            ready(op, &image, source)
        }
        Err(error) => failed(op, &error),
    }
}

fn ready(op: OpId, image: &Image, source: ImageSource) -> Fact {
    Fact::ImageReady {
        op,
        image_id: image.id.to_string(),
        image_ref: image.digested(),
        source,
    }
}

fn failed(op: OpId, error: &ImageError) -> Fact {
    let failure = match error {
        ImageError::InvalidImageName { .. } => ImageFailure::InvalidImageName,
        ImageError::Unavailable { .. } => ImageFailure::RegistryUnavailable,
        ImageError::Storage { .. } | ImageError::InvalidConfig { .. } => {
            ImageFailure::ImageInspectError
        }
        _ => ImageFailure::ErrImagePull,
    };
    Fact::ImageFailed {
        op,
        failure,
        message: error.to_string(),
    }
}
