//! What registries get wrong, on purpose or not, and connections that break.

use super::*;

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
async fn a_registry_that_sends_without_end_is_stopped() {
    let image = TestImage::new(&[&[("big", &noise(100_000))]]);
    let layer = Digest::of(&image.layers[0]).to_string();
    let content = Content::new(&[("app:v1", &image)]);
    let registry = TestRegistry::answering(move |got| {
        let mut answer = content.answer(got);
        if got.path.contains(&layer) {
            // Announces more than fits any disk, and has only so much to send.
            answer.body.resize(3_000_000, 0);
            answer.stall_at = Some(3_000_000 - 1);
        }
        answer
    })
    .await;
    let fixture = Fixture::new();
    let reference = format!("{}/app:v1", registry.address);
    let pull = tokio::time::timeout(Duration::from_secs(20), fixture.pull(&reference));
    let error = pull
        .await
        .expect("it does not wait for the rest")
        .unwrap_err();
    assert!(error.to_string().contains("got more"), "{error}");
}

#[tokio::test]
async fn a_manifest_other_than_its_digest_is_refused() {
    let (image, other) = (two_layers(), TestImage::new(&[]));
    let digest = Digest::of(&image.manifest);
    let mut content = Content::new(&[("app:v1", &image)]);
    content.put(&format!("/v2/app/manifests/{digest}"), &other.manifest);
    let told = digest.to_string();
    let registry = TestRegistry::answering(move |got| {
        let answer = content.answer(got);
        if got.path.contains("/manifests/v1") {
            let mut lie = answer.header("Docker-Content-Digest", &told);
            lie.body.push(b' ');
            return lie;
        }
        answer
    })
    .await;
    let fixture = Fixture::new();
    for pinned in ["app:v1".to_owned(), format!("app@{digest}")] {
        let pulled = fixture
            .pull(&format!("{}/{pinned}", registry.address))
            .await;
        let error = pulled.unwrap_err();
        assert!(
            matches!(error, ImageError::VerificationFailed { .. }),
            "{pinned}: {error}"
        );
    }
}

#[tokio::test]
async fn an_image_cannot_get_the_config_of_another_deleted() {
    let image = two_layers();
    let mut evil = TestImage::with_diff_ids(vec![b"x".to_vec()], &[Digest::of(b"x")]);
    let manifest = String::from_utf8(evil.manifest.clone()).unwrap();
    let own = (
        Digest::of(&evil.layers[0]).to_string(),
        evil.layers[0].len(),
    );
    let victim = (image.id().to_string(), image.config.len());
    evil.manifest = manifest
        .replace(&own.0, &victim.0)
        .replace(&format!(":{}}}", own.1), &format!(":{}}}", victim.1))
        .replace(&format!(":{},", own.1), &format!(":{},", victim.1))
        .into_bytes();
    let registry = TestRegistry::serving(&[("app:v1", &image), ("evil:v1", &evil)]).await;
    let fixture = Fixture::new();
    let reference = format!("{}/app:v1", registry.address);
    let pulled = fixture.pull(&reference).await.unwrap();
    let error = fixture
        .pull(&format!("{}/evil:v1", registry.address))
        .await
        .unwrap_err();
    assert!(matches!(error, ImageError::Malformed { .. }), "{error}");
    let Fixture { store, root } = fixture;
    drop(store);
    let store = ImageStore::open(root.path(), RegistryConfig::default()).unwrap();
    assert_eq!(store.list(), [pulled]);
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
