//! Images: the port for the API, and what containers need before their start.

mod library;

use std::{path::PathBuf, sync::Arc, time::Duration};

use lifepod_lifecycle::{
    effect::PodRef,
    id::OpId,
    input::{Fact, ImageFailure, ImageSource},
    port::{BoxFuture, Credentials, ImageError, ImageRecord, Images, PullProgress},
    spec::ImagePullPolicy,
};

pub(crate) use library::{Library, canonical};

use crate::{SimRuntime, runtime::Shared, script};

/// Why an image is not there for a container.
struct Failed(ImageFailure, String);

/// Makes the image of a container available by its pull policy.
pub(crate) async fn ensure(shared: &Shared, pod: &PodRef, op: OpId, container: &str) -> Fact {
    match available(shared, pod, op, container).await {
        Ok((image, source)) => Fact::ImageReady {
            op,
            image_ref: image.repo_digests.first().cloned().unwrap_or_default(),
            image_id: image.id,
            source,
        },
        Err(Failed(failure, message)) => Fact::ImageFailed {
            op,
            failure,
            message,
        },
    }
}

async fn available(
    shared: &Shared,
    pod: &PodRef,
    op: OpId,
    container: &str,
) -> Result<(ImageRecord, ImageSource), Failed> {
    let inspect = |message| Failed(ImageFailure::ImageInspectError, message);
    let Some(spec) = pod.container(container) else {
        return Err(inspect(format!("the pod has no container `{container}`")));
    };
    let name = canonical(&spec.image)
        .map_err(|error| Failed(ImageFailure::InvalidImageName, error.to_string()))?;
    let present = shared.library.lock().find(&name).cloned();
    match (spec.image_pull_policy, present) {
        (ImagePullPolicy::Never, None) => {
            let text = format!(
                "Container image \"{}\" is not present with pull policy of Never",
                spec.image
            );
            return Err(Failed(ImageFailure::ErrImageNeverPull, text));
        }
        (ImagePullPolicy::Never | ImagePullPolicy::IfNotPresent, Some(image)) => {
            return Ok((image, ImageSource::Present));
        }
        (ImagePullPolicy::Always, _) | (ImagePullPolicy::IfNotPresent, None) => {}
    }
    let script =
        script::image(pod, container, shared.seed).map_err(|error| inspect(error.to_string()))?;
    shared.deliver(&pod.uid, Fact::ImagePulling { op }).await;
    shared
        .clock
        .sleep_until(shared.clock.now() + script.takes)
        .await;
    let try_number = {
        let mut world = shared.world.lock();
        let count = world.count(&pod.uid, format!("pull {container}"));
        world.keep(&pod.uid, shared.clock.now());
        count
    };
    pulled(shared, &name, script, try_number)
}

/// The end of one pull.
fn pulled(
    shared: &Shared,
    name: &str,
    script: script::ImageScript,
    try_number: u32,
) -> Result<(ImageRecord, ImageSource), Failed> {
    let failed = |message| Failed(script.failure, message);
    let mut library = shared.library.lock();
    if let Some(failures) = script.failures {
        if try_number <= failures {
            return Err(failed(format!(
                "pull {try_number} of `{name}` fails by its script"
            )));
        }
        library.push(name);
    }
    let image = library
        .pull(name, shared.clock.now())
        .map_err(|error| failed(error.to_string()))?;
    shared.keep_images(&library);
    let (took, size): (Duration, _) = (script.takes, image.size);
    let waited = took;
    Ok((image, ImageSource::Pulled { took, waited, size }))
}

impl SimRuntime {
    /// Makes the simulated registry have an image, also one of `sim/missing`.
    ///
    /// # Errors
    /// [`ImageError::InvalidName`].
    pub fn push_image(&self, reference: &str) -> Result<(), ImageError> {
        let name = canonical(reference)?;
        let mut library = self.shared.library.lock();
        library.push(&name);
        self.shared.keep_images(&library);
        Ok(())
    }

    fn find(&self, reference: &str) -> Result<ImageRecord, ImageError> {
        let library = self.shared.library.lock();
        let found = library.find(reference).cloned();
        found.ok_or_else(|| ImageError::NotFound {
            message: format!("image `{reference}` not found"),
        })
    }

    fn remove_image(&self, reference: &str) -> Result<(), ImageError> {
        let image = self.find(reference)?;
        if self.shared.world.lock().uses(&image.id) {
            let message = format!("image `{reference}` is in use by a running container");
            return Err(ImageError::InUse { message });
        }
        let mut library = self.shared.library.lock();
        library.remove(&image.id);
        self.shared.keep_images(&library);
        Ok(())
    }
}

impl Images for SimRuntime {
    fn pull<'a>(
        &'a self,
        reference: &'a str,
        _credentials: Option<Credentials>,
        progress: Arc<dyn Fn(PullProgress) + Send + Sync>,
    ) -> BoxFuture<'a, Result<ImageRecord, ImageError>> {
        Box::pin(async move {
            let name = canonical(reference)?;
            let now = self.shared.clock.now();
            let image = {
                let mut library = self.shared.library.lock();
                let image = library.pull(&name, now)?;
                self.shared.keep_images(&library);
                image
            };
            progress(PullProgress {
                layer: image.id.clone(),
                downloaded: image.size,
                total: image.size,
                done: true,
            });
            Ok(image)
        })
    }

    fn load<'a>(
        &'a self,
        _archive: PathBuf,
        _name: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Vec<ImageRecord>, ImageError>> {
        let what = "loading of archives";
        Box::pin(async move { Err(ImageError::Unsupported { what }) })
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<ImageRecord>, ImageError>> {
        Box::pin(async move { Ok(self.shared.library.lock().list()) })
    }

    fn get<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Result<ImageRecord, ImageError>> {
        Box::pin(async move { self.find(reference) })
    }

    fn remove<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Result<(), ImageError>> {
        Box::pin(async move { self.remove_image(reference) })
    }
}
