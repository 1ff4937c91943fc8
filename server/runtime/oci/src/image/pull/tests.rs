//! Pulls from a scripted registry. What needs a real one is in `tests/image`.

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
async fn a_blob_with_other_content_is_refused() {
    let image = two_layers();
    let mut evil = image.clone();
    evil.layers[1] = image.layers[1].iter().map(|b| b ^ 1).collect();
    let mut content = Content::new(&[("app:v1", &image)]);
    let path = format!("/v2/app/blobs/{}", Digest::of(&image.layers[1]));
    content.put(&path, &evil.layers[1]);
    let registry = TestRegistry::answering(move |got| content.answer(got)).await;
    let fixture = Fixture::new();
    let reference = format!("{}/app:v1", registry.address);
    let error = fixture.pull(&reference).await.unwrap_err();
    assert!(
        matches!(error, ImageError::VerificationFailed { .. }),
        "{error}"
    );
    assert!(fixture.store.list().is_empty());
    assert!(fixture.store.resolve(&reference).is_err());
    assert_eq!(fixture.count("ingest"), 0);
}

#[tokio::test]
async fn a_wrong_diff_id_is_refused_and_the_blob_not_kept() {
    let archive = Archive::new().finish();
    let image = TestImage::with_diff_ids(vec![archive], &[Digest::of(b"something else")]);
    let registry = TestRegistry::serving(&[("app:v1", &image)]).await;
    let fixture = Fixture::new();
    let error = fixture
        .pull(&format!("{}/app:v1", registry.address))
        .await
        .unwrap_err();
    assert!(
        matches!(error, ImageError::VerificationFailed { .. }),
        "{error}"
    );
    assert_eq!(
        (fixture.count("blobs/sha256"), fixture.count("layers")),
        (0, 0)
    );
}

#[tokio::test]
async fn a_manifest_that_lies_about_sizes_or_counts_is_refused() {
    let image = two_layers();
    let size = format!("\"size\":{}", image.layers[0].len());
    for (from, to) in [
        (size.as_str(), "\"size\":3"),
        (size.as_str(), "\"size\":30000000"),
        (
            "\"schemaVersion\":2",
            "\"schemaVersion\":2,\"manifests\":[]",
        ),
    ] {
        let mut lying = image.clone();
        let manifest = String::from_utf8(image.manifest.clone()).unwrap();
        lying.manifest = manifest.replace(from, to).into_bytes();
        assert_ne!(lying.manifest, image.manifest);
        let registry = TestRegistry::serving(&[("app:v1", &lying)]).await;
        let error = Fixture::new()
            .pull(&format!("{}/app:v1", registry.address))
            .await
            .unwrap_err();
        assert!(
            matches!(
                error,
                ImageError::VerificationFailed { .. } | ImageError::Malformed { .. }
            ),
            "{to}: {error}"
        );
    }
    let uneven = TestImage::with_diff_ids(image.archives.clone(), &[Digest::of(b"x")]);
    let registry = TestRegistry::serving(&[("app:v1", &uneven)]).await;
    let error = Fixture::new()
        .pull(&format!("{}/app:v1", registry.address))
        .await;
    assert!(matches!(error, Err(ImageError::Malformed { .. })));
}

#[tokio::test]
async fn a_document_beyond_the_limit_is_refused() {
    let registry = TestRegistry::answering(|_| Answer::ok(&[b' '; 5000])).await;
    let mut config = RegistryConfig::default();
    config.limits.document_bytes = 4000;
    let fixture = Fixture::with(config);
    let error = fixture
        .pull(&format!("{}/app:v1", registry.address))
        .await
        .unwrap_err();
    assert!(
        matches!(error, ImageError::TooLarge { limit: 4000, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_broken_connection_is_resumed_where_it_broke() {
    let image = TestImage::new(&[&[("big", &noise(300_000))]]);
    let layer = Digest::of(&image.layers[0]).to_string();
    for honours_range in [true, false] {
        let content = Content::new(&[("app:v1", &image)]);
        let (wanted, tries) = (layer.clone(), AtomicUsize::new(0));
        let registry = TestRegistry::answering(move |got| {
            if !got.path.contains(&wanted) {
                return content.answer(got);
            }
            let mut got = got.clone();
            if !honours_range {
                got.headers.remove("range");
            }
            let mut answer = content.answer(&got);
            if tries.fetch_add(1, Ordering::Relaxed) < 2 {
                answer.cut_at = Some(answer.body.len() / 2);
            }
            answer
        })
        .await;
        let fixture = Fixture::new();
        fixture
            .pull(&format!("{}/app:v1", registry.address))
            .await
            .unwrap();
        let ranges: Vec<Option<String>> = registry
            .requests(&layer)
            .iter()
            .map(|got| got.headers.get("range").cloned())
            .collect();
        assert_eq!(ranges.len(), 3);
        assert!(ranges[1].is_some() && ranges[2].is_some());
    }
}

#[tokio::test]
async fn a_connection_that_keeps_breaking_is_unavailable() {
    let image = TestImage::new(&[&[("big", &noise(300_000))]]);
    let layer = Digest::of(&image.layers[0]).to_string();
    let content = Content::new(&[("app:v1", &image)]);
    let registry = TestRegistry::answering(move |got| {
        let mut answer = content.answer(got);
        if got.path.contains(&layer) {
            answer.cut_at = Some(0);
        }
        answer
    })
    .await;
    let error = Fixture::new()
        .pull(&format!("{}/app:v1", registry.address))
        .await;
    let error = error.unwrap_err();
    assert_eq!(error.waiting_reason(), "RegistryUnavailable", "{error}");
}

#[tokio::test]
async fn what_a_failed_pull_completed_is_not_fetched_again() {
    let image = two_layers();
    let last = Digest::of(&image.layers[1]).to_string();
    let content = Content::new(&[("app:v1", &image)]);
    let broken = AtomicUsize::new(1);
    let registry = TestRegistry::answering(move |got| {
        if got.path.contains(&last) && broken.swap(0, Ordering::Relaxed) == 1 {
            return Answer::status(503, "later");
        }
        content.answer(got)
    })
    .await;
    let fixture = Fixture::new();
    let reference = format!("{}/app:v1", registry.address);
    let error = fixture.pull(&reference).await.unwrap_err();
    assert!(error.to_string().contains("later (503)"), "{error}");
    let first = Digest::of(&image.layers[0]).to_string();
    eventually("the first layer is kept", || {
        let inner = &fixture.store.inner;
        !inner.blobs.list().unwrap().is_empty() || !inner.layers.list().unwrap().is_empty()
    })
    .await;
    fixture.pull(&reference).await.unwrap();
    assert_eq!(registry.requests(&first).len(), 1);
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

fn mirrored(mirrors: &[&str]) -> RegistryConfig {
    let json = serde_json::json!({
        "auth_files": [],
        "registries": {"docker.io": {"mirrors": mirrors, "mirrors_only": true}},
    });
    serde_json::from_value(json).unwrap()
}

#[tokio::test]
async fn mirrors_are_tried_in_order_until_one_has_it() {
    let image = two_layers();
    let empty = TestRegistry::serving(&[]).await;
    let full = TestRegistry::serving(&[("library/app:latest", &image)]).await;
    let (empty_url, full_url) = (
        format!("http://{}", empty.address),
        format!("http://{}", full.address),
    );
    let fixture = Fixture::with(mirrored(&["http://127.0.0.1:1", &empty_url, &full_url]));
    let pulled = fixture.pull("app").await.unwrap();
    assert_eq!(pulled.tags, ["docker.io/library/app:latest"]);
    assert_eq!(empty.requests("").len(), 1);
    assert!(
        full.requests("/blobs/")
            .iter()
            .all(|got| got.path.ends_with("?ns=docker.io"))
    );

    let fixture = Fixture::with(mirrored(&["http://127.0.0.1:1", &empty_url]));
    let error = fixture.pull("app").await.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, ImageError::NotFound { .. }), "{text}");
    assert!(
        text.contains("127.0.0.1:1: ") && text.contains("manifest unknown (404)"),
        "{text}"
    );
}

#[tokio::test]
async fn every_refusal_has_its_kind() {
    for (status, reason, text) in [
        (404, "ErrImagePull", "not found"),
        (401, "ErrImagePull", "denied"),
        (403, "ErrImagePull", "denied"),
        (429, "RegistryUnavailable", "unavailable"),
        (500, "RegistryUnavailable", "unavailable"),
        (400, "ErrImagePull", "refused"),
    ] {
        let registry = TestRegistry::answering(move |_| Answer::status(status, "oops\nmore")).await;
        let error = Fixture::new()
            .pull(&format!("{}/app:v1", registry.address))
            .await
            .unwrap_err();
        assert_eq!(error.waiting_reason(), reason, "{status}");
        let shown = error.to_string();
        assert!(
            shown.contains(text) && shown.contains("oops") && !shown.contains("more"),
            "{shown}"
        );
    }
    let error = Fixture::new().pull("127.0.0.1:1/app").await.unwrap_err();
    assert_eq!(error.waiting_reason(), "RegistryUnavailable");
    assert!(error.to_string().contains("onnection refused"), "{error}");
    let error = Fixture::new().pull("bad::ref").await.unwrap_err();
    assert_eq!(error.waiting_reason(), "InvalidImageName");
}

/// Wants a bearer token, which its own token service gives for `me:secret` only.
fn guarded(content: Content, address: Arc<parking_lot::Mutex<String>>) -> impl Fn(&Got) -> Answer {
    move |got| {
        let authorization = got.headers.get("authorization").map(String::as_str);
        if got.path.starts_with("/token") {
            return match authorization {
                Some("Basic bWU6c2VjcmV0") => Answer::ok(br#"{"access_token":"t0k"}"#),
                _ => Answer::status(
                    401,
                    r#"{"errors":[{"code":"DENIED","message":"who are you"}]}"#,
                ),
            };
        }
        if authorization == Some("Bearer t0k") {
            return content.answer(got);
        }
        let challenge = format!(
            "Bearer realm=\"http://{}/token\",service=\"s\",scope=\"repository:app:pull\"",
            address.lock()
        );
        Answer::status(401, "").header("WWW-Authenticate", &challenge)
    }
}

#[tokio::test]
async fn a_token_is_fetched_once_with_the_credentials_of_this_pull() {
    let image = two_layers();
    let address = Arc::<parking_lot::Mutex<String>>::default();
    let content = Content::new(&[("app:v1", &image)]);
    let registry = TestRegistry::answering(guarded(content, Arc::clone(&address))).await;
    address.lock().clone_from(&registry.address);
    let reference = format!("{}/app:v1", registry.address);
    let fixture = Fixture::new();

    let error = fixture.pull(&reference).await.unwrap_err();
    assert!(matches!(error, ImageError::Unauthorized { .. }), "{error}");
    assert!(error.to_string().contains("who are you"), "{error}");

    let credentials = Credentials::Basic {
        username: "me".to_owned(),
        password: "secret".to_owned(),
    };
    let pulled = fixture
        .store
        .pull(&reference, Some(credentials), None)
        .await;
    assert_eq!(pulled.unwrap().id, image.id());
    let tokens = registry.requests("/token");
    assert_eq!(tokens.len(), 2, "one per pull");
    assert_eq!(
        tokens[1].path,
        "/token?scope=repository%3Aapp%3Apull&service=s"
    );

    let error = fixture.pull(&reference).await.unwrap_err();
    assert!(
        matches!(error, ImageError::Unauthorized { .. }),
        "credentials must not stay"
    );
}

#[tokio::test]
async fn a_redirect_to_another_host_does_not_carry_the_token() {
    let image = two_layers();
    let storage = TestRegistry::serving(&[("app:v1", &image)]).await;
    let content = Content::new(&[("app:v1", &image)]);
    // Another host by name, the same by address.
    let elsewhere = storage.address.replace("127.0.0.1", "localhost");
    let registry = TestRegistry::answering(move |got| {
        if !got.headers.contains_key("authorization") {
            return Answer::status(401, "").header("WWW-Authenticate", "Basic realm=\"r\"");
        }
        if got.path.contains("/blobs/") {
            let to = format!("http://{elsewhere}{}", got.path);
            return Answer::status(307, "").header("Location", &to);
        }
        content.answer(got)
    })
    .await;
    let credentials = Credentials::Basic {
        username: "me".to_owned(),
        password: "secret".to_owned(),
    };
    let reference = format!("{}/app:v1", registry.address);
    Fixture::new()
        .store
        .pull(&reference, Some(credentials), None)
        .await
        .unwrap();
    let received = storage.requests("/blobs/");
    assert_eq!(received.len(), 3);
    assert!(
        received
            .iter()
            .all(|got| !got.headers.contains_key("authorization"))
    );
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
