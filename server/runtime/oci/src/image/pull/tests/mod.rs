//! Pulls from a scripted registry. What needs a real one is in `tests/image`.

mod damage;
mod endpoints;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use crate::image::RegistryConfig;
use crate::image::test_archive::Archive;
use crate::image::test_image::TestImage;
use crate::image::test_registry::{Answer, Content, Got, TestRegistry};

struct Fixture {
    store: ImageStore,
    root: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        Self::with(RegistryConfig::default())
    }

    fn with(mut config: RegistryConfig) -> Self {
        config.auth_files.get_or_insert_default();
        let root = tempfile::tempdir().unwrap();
        let store = ImageStore::open(root.path(), config).unwrap();
        Self { store, root }
    }

    async fn pull(&self, image: &str) -> Result<Image, ImageError> {
        self.store.pull(image, None, None).await
    }

    fn count(&self, dir: &str) -> usize {
        fs::read_dir(self.root.path().join(dir)).unwrap().count()
    }

    fn read(&self, image: &TestImage, layer: usize, file: &str) -> String {
        let diff_ids: Vec<Digest> = image.archives.iter().map(|a| Digest::of(a)).collect();
        let plan = &crate::image::layers::LayerPlan::stack(&diff_ids)[layer];
        let path = self.store.inner.layers.fs_path(plan.chain_id());
        fs::read_to_string(path.join(file)).unwrap()
    }
}

fn two_layers() -> TestImage {
    TestImage::new(&[
        &[("a", b"one"), ("etc/b", b"two")],
        &[("etc/.wh.b", b""), ("c", b"3")],
    ])
}

/// Not compressible, so that it is as large on the wire.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(tokio::time::Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_pulled_image_is_unpacked_named_and_described() {
    let image = two_layers();
    let registry = TestRegistry::serving(&[("team/app:v1", &image)]).await;
    let fixture = Fixture::new();
    let reference = format!("{}/team/app:v1", registry.address);
    let pulled = fixture.pull(&reference).await.unwrap();

    assert_eq!(pulled.id, image.id());
    assert_eq!(pulled.tags, std::slice::from_ref(&reference));
    let name = format!(
        "{}/team/app@{}",
        registry.address,
        Digest::of(&image.manifest)
    );
    assert_eq!(pulled.digested(), name);
    assert_eq!(fixture.read(&image, 0, "etc/b"), "two");
    assert_eq!(fixture.read(&image, 1, "c"), "3");
    let (inspected, config) = fixture.store.inspect(&reference).unwrap();
    assert_eq!(inspected, pulled);
    assert_eq!((config.user.as_str(), config.entrypoint.len()), ("7", 1));
    // Manifest and config stay, packed layers do not.
    assert_eq!(
        (fixture.count("blobs/sha256"), fixture.count("ingest")),
        (2, 0)
    );

    let index = || {
        fs::metadata(fixture.root.path().join("index.json"))
            .unwrap()
            .ino()
    };
    let written = index();
    assert_eq!(fixture.pull(&reference).await.unwrap(), pulled);
    assert_eq!(index(), written, "nothing changed, nothing is synced");
    assert_eq!(
        registry.requests("/blobs/").len(),
        3,
        "nothing was fetched twice"
    );
    assert_eq!(
        registry.requests("/manifests/").len(),
        2,
        "the tag was asked again"
    );
}

#[tokio::test]
async fn a_store_opened_again_knows_its_images_and_drops_broken_ones() {
    let image = two_layers();
    let registry = TestRegistry::serving(&[("app:v1", &image)]).await;
    let reference = format!("{}/app:v1", registry.address);
    let Fixture { store, root } = Fixture::new();
    let pulled = store.pull(&reference, None, None).await.unwrap();
    let second = ImageStore::open(root.path(), RegistryConfig::default());
    assert!(second.is_err(), "only one process may have it open");
    drop(store);

    let reopen = || ImageStore::open(root.path(), RegistryConfig::default()).unwrap();
    assert_eq!(reopen().list(), [pulled]);
    let config = root.path().join("blobs/sha256").join(image.id().hex());
    fs::write(config, "damaged").unwrap();
    let store = reopen();
    assert!(store.list().is_empty());
    assert_eq!(store.inner.layers.list().unwrap(), []);
    assert_eq!(store.inner.blobs.list().unwrap(), []);
}

#[tokio::test]
async fn an_index_leads_to_the_image_for_this_machine() {
    let image = two_layers();
    let mut content = Content::new(&[("app:v1", &image)]);
    content.put("/v2/app/manifests/multi", &image.index());
    let registry = TestRegistry::answering(move |got| content.answer(got)).await;
    let fixture = Fixture::new();
    let pulled = fixture
        .pull(&format!("{}/app:multi", registry.address))
        .await
        .unwrap();
    assert_eq!(pulled.id, image.id());
    let index = Digest::of(&image.index());
    assert!(pulled.digested().ends_with(&index.to_string()));
    let pinned = format!("{}/app@{index}", registry.address);
    assert_eq!(fixture.pull(&pinned).await.unwrap().id, image.id());
    assert_eq!(fixture.store.resolve(&pinned).unwrap().id, image.id());
}

#[tokio::test]
async fn equal_pulls_at_the_same_time_are_one() {
    let image = two_layers();
    let registry = TestRegistry::serving(&[("app:v1", &image)]).await;
    let fixture = Fixture::new();
    let reference = format!("{}/app:v1", registry.address);
    let pulls = (0..20).map(|_| fixture.pull(&reference));
    let pulled = future::join_all(pulls).await;
    assert!(
        pulled
            .iter()
            .all(|pulled| pulled.as_ref().unwrap().id == image.id())
    );
    assert_eq!(
        registry.requests("").len(),
        4,
        "manifest, config and two layers once each"
    );
}

#[tokio::test]
async fn different_tags_of_one_image_share_its_layers() {
    let image = two_layers();
    let registry = TestRegistry::serving(&[("app:v1", &image), ("app:v2", &image)]).await;
    let fixture = Fixture::new();
    let pull = |tag: &str| {
        let reference = format!("{}/app:{tag}", registry.address);
        let store = fixture.store.clone();
        async move { store.pull(&reference, None, None).await.unwrap() }
    };
    future::join(pull("v1"), pull("v2")).await;
    let layer = Digest::of(&image.layers[0]).to_string();
    assert_eq!(registry.requests(&layer).len(), 1);
    assert_eq!(fixture.store.list()[0].tags.len(), 2);
}

#[tokio::test]
async fn a_dropped_pull_leaves_nothing_half_and_can_be_repeated() {
    let image = TestImage::new(&[&[("big", &noise(200_000))]]);
    let layer = Digest::of(&image.layers[0]).to_string();
    let content = Content::new(&[("app:v1", &image)]);
    let stall = AtomicUsize::new(1);
    let registry = TestRegistry::answering(move |got| {
        let mut answer = content.answer(got);
        if got.path.contains(&layer) && stall.swap(0, Ordering::Relaxed) == 1 {
            answer.stall_at = Some(100_000);
        }
        answer
    })
    .await;
    let fixture = Fixture::new();
    let reference = format!("{}/app:v1", registry.address);
    let pull = tokio::time::timeout(Duration::from_millis(500), fixture.pull(&reference));
    assert!(pull.await.is_err(), "the registry stalls");
    eventually("the temporary file goes", || fixture.count("ingest") == 0).await;
    assert!(fixture.store.list().is_empty());
    fixture.pull(&reference).await.unwrap();
}

#[tokio::test]
async fn a_waiter_that_leaves_does_not_stop_the_others() {
    let image = two_layers();
    let registry = TestRegistry::serving(&[("app:v1", &image)]).await;
    let fixture = Fixture::new();
    let reference = format!("{}/app:v1", registry.address);
    let mut first = Box::pin(fixture.pull(&reference));
    assert!(futures::poll!(&mut first).is_pending());
    let second = fixture.pull(&reference);
    tokio::pin!(second);
    assert!(futures::poll!(&mut second).is_pending());
    drop(first);
    second.await.unwrap();
    assert_eq!(registry.requests("/manifests/").len(), 1);
}

#[tokio::test]
async fn progress_reaches_every_waiter() {
    let image = TestImage::new(&[&[("big", &noise(2_000_000))]]);
    let registry = TestRegistry::serving(&[("app:v1", &image)]).await;
    let fixture = Fixture::new();
    let reference = format!("{}/app:v1", registry.address);
    let watch = || {
        let seen = Arc::<parking_lot::Mutex<Vec<LayerProgress>>>::default();
        let sink = Arc::clone(&seen);
        let sink: ProgressSink = Arc::new(move |progress| sink.lock().push(progress.clone()));
        (seen, fixture.store.pull(&reference, None, Some(sink)))
    };
    let ((first, pull_a), (second, pull_b)) = (watch(), watch());
    let (a, b) = future::join(pull_a, pull_b).await;
    a.and(b).unwrap();
    for seen in [first, second] {
        let seen = seen.lock();
        let total = image.layers[0].len() as u64;
        assert!(seen.iter().all(|progress| progress.total == total));
        assert!(
            seen.windows(2)
                .all(|pair| pair[0].downloaded <= pair[1].downloaded)
        );
        assert!(
            seen.iter()
                .any(|p| p.downloaded > 0 && p.downloaded < total)
        );
        let last = seen.last().unwrap();
        assert_eq!((last.downloaded, last.extracted), (total, true));
        assert!(seen.len() < 12, "cheap: {} events", seen.len());
    }
}

#[tokio::test]
async fn removal_takes_tags_then_the_image_then_its_layers() {
    let base: &[(&str, &[u8])] = &[("base", b"1")];
    let (one, two) = (
        TestImage::new(&[base, &[("one", b"1")]]),
        TestImage::new(&[base]),
    );
    let registry =
        TestRegistry::serving(&[("one:a", &one), ("one:b", &one), ("two:a", &two)]).await;
    let fixture = Fixture::new();
    let name = |image: &str| format!("{}/{image}", registry.address);
    for image in ["one:a", "one:b", "two:a"] {
        fixture.pull(&name(image)).await.unwrap();
    }
    assert_eq!(fixture.count("layers"), 2);

    let removed = fixture.store.remove(&name("one:a")).await.unwrap();
    assert_eq!(
        (removed.untagged, removed.deleted),
        (vec![name("one:a")], None)
    );
    assert!(fixture.store.resolve(&name("one:a")).is_err());

    let removed = fixture.store.remove(&name("one:b")).await.unwrap();
    assert_eq!(removed.deleted, Some(one.id()));
    assert_eq!(
        (fixture.count("layers"), fixture.count("blobs/sha256")),
        (1, 2)
    );

    fixture.store.remove(&two.id().to_string()).await.unwrap();
    assert_eq!(
        (fixture.count("layers"), fixture.count("blobs/sha256")),
        (0, 0)
    );
    assert_eq!(fixture.count("staging"), 0);
    let again = fixture.store.remove(&name("two:a")).await;
    assert!(matches!(again, Err(ImageError::NotPresent { .. })));
}

#[tokio::test]
async fn collecting_garbage_spares_a_pull_under_way() {
    let image = TestImage::new(&[&[("first", b"1")], &[("big", &noise(200_000))]]);
    let last = Digest::of(&image.layers[1]).to_string();
    let content = Content::new(&[("app:v1", &image)]);
    let stall = AtomicUsize::new(1);
    let registry = TestRegistry::answering(move |got| {
        let mut answer = content.answer(got);
        if got.path.contains(&last) && stall.swap(0, Ordering::Relaxed) == 1 {
            answer.cut_at = Some(1000);
        }
        answer
    })
    .await;
    let fixture = Fixture::new();
    let reference = format!("{}/app:v1", registry.address);
    let pull = fixture.pull(&reference);
    let collect = async {
        eventually("the first layer is unpacked", || {
            fixture.count("layers") == 1
        })
        .await;
        fixture.store.collect_garbage().await
    };
    let (pulled, collected) = future::join(pull, collect).await;
    collected.unwrap();
    pulled.unwrap();
    assert!(
        registry
            .requests(&Digest::of(&image.layers[0]).to_string())
            .len()
            == 1
    );
    assert!(Path::new(&fixture.root.path().join("layers")).is_dir());
}
