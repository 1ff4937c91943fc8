//! An image store in memory.

use std::{path::PathBuf, time::Duration};

use lifepod_lifecycle::{
    port::{BoxFuture, Credentials, ImageError, ImageRecord, Images, ProgressSink, PullProgress},
    time::Timestamp,
};
use parking_lot::Mutex;

use super::runtime::TestRuntime;

/// Id of the image every container runs.
pub(crate) const ID: &str = "sha256:aaaa";

#[derive(Default)]
pub(crate) struct TestImages {
    pub stored: Mutex<Vec<ImageRecord>>,
    /// Content of the archives that were loaded.
    pub loaded: Mutex<Vec<Vec<u8>>>,
    /// Pulls wait for this many permits.
    pub hold: Mutex<Option<std::sync::Arc<tokio::sync::Semaphore>>>,
    pub credentials: Mutex<Option<(String, String)>>,
}

pub(crate) fn record(tag: &str, id: &str) -> ImageRecord {
    ImageRecord {
        id: id.to_owned(),
        repo_tags: vec![tag.to_owned()],
        repo_digests: Vec::new(),
        size: 1000,
        pulled_at: Timestamp(5_000_000_000),
    }
}

fn not_found(reference: &str) -> ImageError {
    ImageError::NotFound {
        message: format!("image `{reference}` not found"),
    }
}

impl TestImages {
    fn find(&self, reference: &str) -> Result<ImageRecord, ImageError> {
        let stored = self.stored.lock();
        let fits = |image: &&ImageRecord| {
            image.id == reference || image.repo_tags.iter().any(|tag| tag == reference)
        };
        let found = stored.iter().find(fits).cloned();
        found.ok_or_else(|| not_found(reference))
    }
}

impl Images for TestRuntime {
    fn pull<'a>(
        &'a self,
        reference: &'a str,
        credentials: Option<Credentials>,
        progress: ProgressSink,
    ) -> BoxFuture<'a, Result<ImageRecord, ImageError>> {
        Box::pin(async move {
            *self.images.credentials.lock() = credentials.map(|c| (c.username, c.password));
            match reference {
                "denied" => {
                    let message = "the registry refused".to_owned();
                    return Err(ImageError::Unauthorized { message });
                }
                "registry.example/down" => {
                    let message = "no route to host".to_owned();
                    return Err(ImageError::Unavailable { message });
                }
                "Bad Name" => {
                    let message = "invalid reference format".to_owned();
                    return Err(ImageError::InvalidName { message });
                }
                "missing" => return Err(not_found(reference)),
                _ => {}
            }
            for step in 0..=100 {
                let downloaded = step * 10;
                progress(PullProgress {
                    layer: "sha256:l1".to_owned(),
                    downloaded,
                    total: 1000,
                    done: false,
                });
                tokio::time::sleep(Duration::from_micros(100)).await;
            }
            let hold = self.images.hold.lock().clone();
            if let Some(hold) = hold {
                hold.acquire().await.expect("open").forget();
            }
            let image = record(reference, "sha256:bbbb");
            self.images.stored.lock().push(image.clone());
            Ok(image)
        })
    }

    fn load<'a>(
        &'a self,
        archive: PathBuf,
        name: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Vec<ImageRecord>, ImageError>> {
        Box::pin(async move {
            let content = std::fs::read(&archive).expect("the archive is there");
            if content.is_empty() {
                let message = "not a tar archive".to_owned();
                return Err(ImageError::Invalid { message });
            }
            self.images.loaded.lock().push(content);
            Ok(vec![record(name.unwrap_or("from-archive"), "sha256:cccc")])
        })
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<ImageRecord>, ImageError>> {
        let all = self.images.stored.lock().clone();
        Box::pin(async move { Ok(all) })
    }

    fn get<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Result<ImageRecord, ImageError>> {
        let found = self.images.find(reference);
        Box::pin(async move { found })
    }

    fn remove<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Result<(), ImageError>> {
        let found = self.images.find(reference);
        Box::pin(async move {
            let found = found?;
            let mut stored = self.images.stored.lock();
            for image in stored.iter_mut().filter(|image| image.id == found.id) {
                image.repo_tags.retain(|tag| tag != reference);
            }
            stored.retain(|image| !image.repo_tags.is_empty());
            Ok(())
        })
    }
}
