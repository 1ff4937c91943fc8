//! Loads hand-made archives; real ones, made by skopeo, are in `tests/image`.

use std::io::Cursor;

use serde_json::json;

use super::*;
use crate::image::test_archive::Archive;
use crate::image::test_image::{TestImage, gzip};
use crate::image::{Digest, RegistryConfig};

fn store() -> (ImageStore, tempfile::TempDir) {
    let root = tempfile::tempdir().unwrap();
    let store = ImageStore::open(root.path(), RegistryConfig::default()).unwrap();
    (store, root)
}

fn image() -> TestImage {
    TestImage::new(&[&[("a", b"one")], &[("b", b"two")], &[("a", b"one")]])
}

async fn load(
    store: &ImageStore,
    archive: &[u8],
    name: Option<&str>,
) -> Result<Vec<Image>, ImageError> {
    store.load(Cursor::new(archive.to_vec()), name).await
}

fn count(root: &tempfile::TempDir, dir: &str) -> usize {
    std::fs::read_dir(root.path().join(dir)).unwrap().count()
}

#[tokio::test]
async fn both_kinds_of_archive_give_the_same_image() {
    let image = image();
    let annotations = json!({"io.containerd.image.name": "docker.io/library/app:v1"});
    for archive in [
        image.oci_archive(&annotations),
        image.docker_archive(&["app:v1"]),
        gzip(&image.docker_archive(&["app:v1"])),
    ] {
        let (store, root) = store();
        let loaded = load(&store, &archive, None).await.unwrap();
        assert_eq!(loaded.len(), 1);
        assert_eq!(loaded[0].id, image.id());
        assert_eq!(loaded[0].tags, ["docker.io/library/app:v1"]);
        assert_eq!(loaded[0].repo_digests, [""; 0], "no registry said so");
        assert_eq!(store.resolve("app:v1").unwrap(), loaded[0]);
        assert_eq!(
            (count(&root, "layers"), count(&root, "blobs/sha256")),
            (3, 2)
        );
    }
}

#[tokio::test]
async fn a_file_loads_like_a_stream() {
    let image = image();
    let (store, root) = store();
    let path = root.path().join("image.tar");
    std::fs::write(&path, image.docker_archive(&["a:1", "b:2"])).unwrap();
    let loaded = store.load_file(&path, None).await.unwrap();
    assert_eq!(
        loaded[0].tags,
        ["docker.io/library/a:1", "docker.io/library/b:2"]
    );
    let missing = store.load_file(&root.path().join("none"), None).await;
    assert!(matches!(missing, Err(ImageError::Storage { .. })));
}

#[tokio::test]
async fn a_given_name_is_for_nameless_images_only() {
    let image = image();
    for annotations in [
        json!({}),
        json!({"org.opencontainers.image.ref.name": "v1"}),
    ] {
        let (store, _root) = store();
        let archive = image.oci_archive(&annotations);
        let nameless = load(&store, &archive, None).await.unwrap();
        assert!(nameless[0].tags.is_empty());
        let named = load(&store, &archive, Some("mine")).await.unwrap();
        assert_eq!(named[0].tags, ["docker.io/library/mine:latest"]);
    }
    let (store, _root) = store();
    let tagged = image.docker_archive(&["app:v1"]);
    let loaded = load(&store, &tagged, Some("mine")).await.unwrap();
    assert_eq!(loaded[0].tags, ["docker.io/library/app:v1"]);
    assert!(load(&store, &tagged, Some("bad::name")).await.is_err());
}

#[tokio::test]
async fn a_broken_archive_is_refused_and_leaves_nothing() {
    let image = image();
    let whole = image.oci_archive(&json!({}));
    let mut wrong_blob = Archive::new();
    let name = format!("blobs/sha256/{}", Digest::of(b"right").hex());
    wrong_blob.add(&name, |e| e.data(b"wrong"));
    let mut no_blobs = Archive::new();
    let manifest = json!([{"Config": "../../etc/passwd", "Layers": []}]);
    no_blobs.add("manifest.json", |e| e.data(manifest.to_string().as_bytes()));
    let mut no_layer = image.clone();
    no_layer.layers.remove(1);
    for (what, archive, reason) in [
        ("empty", Vec::new(), "neither an index.json nor"),
        ("not a tar", b"hello".to_vec(), "ends too early"),
        ("cut", whole[..whole.len() / 2].to_vec(), "ends too early"),
        ("wrong blob", wrong_blob.finish(), "failed verification"),
        (
            "escaping config",
            no_blobs.finish(),
            "`../../etc/passwd` is missing",
        ),
        (
            "missing layer",
            no_layer.oci_archive(&json!({})),
            "is missing",
        ),
        (
            "wrong diff id",
            wrong_diff_id().docker_archive(&["a"]),
            "failed verification",
        ),
    ] {
        let (store, root) = store();
        let error = load(&store, &archive, None).await.unwrap_err().to_string();
        assert!(error.contains(reason), "{what}: {error}");
        assert!(store.list().is_empty(), "{what}");
        store.collect_garbage().await.unwrap();
        for dir in ["blobs/sha256", "ingest", "staging"] {
            assert_eq!(count(&root, dir), 0, "{what}: {dir}");
        }
    }
}

fn wrong_diff_id() -> TestImage {
    TestImage::with_diff_ids(vec![Archive::new().finish()], &[Digest::of(b"other")])
}

#[tokio::test]
async fn an_archive_beyond_the_limit_is_refused() {
    let mut config = RegistryConfig::default();
    config.limits.archive_bytes = 4096;
    let root = tempfile::tempdir().unwrap();
    let store = ImageStore::open(root.path(), config).unwrap();
    let error = load(&store, &image().docker_archive(&["a"]), None)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("archive_bytes"), "{error}");
}
