//! Mounts real overlays, as root, and cleans them up.

use std::io::Cursor;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;

use rustix::fs::CWD;
use rustix::mount::{MoveMountFlags, move_mount};

use super::*;
use crate::image::RegistryConfig;
use crate::image::test_archive::{Archive, NewEntry};
use crate::image::test_image::TestImage;

struct Fixture {
    snapshots: Snapshots,
    image: Digest,
    root: tempfile::TempDir,
}

impl Fixture {
    async fn new(image: &TestImage) -> Self {
        assert!(rustix::process::geteuid().is_root(), "this test needs root");
        let root = tempfile::tempdir().unwrap();
        let store = ImageStore::open(root.path().join("store"), RegistryConfig::default()).unwrap();
        let archive = Cursor::new(image.docker_archive(&["app:v1"]));
        store.load(archive, None).await.unwrap();
        Self {
            snapshots: store.snapshots(),
            image: image.id(),
            root,
        }
    }

    fn dir(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn prepare(&self, name: &str) -> Result<PathBuf, ImageError> {
        let dir = self.dir(name);
        let mounted = self.snapshots.prepare_detached(&self.image, &dir)?;
        Ok(attach(&mounted, &dir))
    }

    /// Snapshots that are recorded.
    fn recorded(&self) -> Vec<PathBuf> {
        let state = self.snapshots.store.inner.state.lock();
        state.uses.keys().cloned().collect()
    }
}

/// Makes a snapshot visible where the test can look into it.
fn attach(mounted: &OwnedFd, dir: &Path) -> PathBuf {
    let rootfs = dir.join("rootfs");
    fs::create_dir_all(&rootfs).unwrap();
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    move_mount(mounted, "", CWD, &rootfs, flags).unwrap();
    rootfs
}

impl Drop for Fixture {
    /// A failed test must not leave mounts behind.
    fn drop(&mut self) {
        for dir in self.recorded() {
            let _ = self.snapshots.unmount_and_remove(&dir);
        }
    }
}

fn three_layers() -> TestImage {
    let mut base = Archive::new();
    base.add("./", |e| e.directory().mode(0o751).owner(3, 4));
    base.add("etc/", NewEntry::directory);
    base.add("etc/gone", |e| e.data(b"1"));
    base.add("etc/kept", |e| e.data(b"base"));
    base.add("opt/", NewEntry::directory);
    base.add("opt/old", |e| e.data(b"1"));
    let mut changes = Archive::new();
    changes.add("etc/.wh.gone", |e| e.data(b""));
    changes.add("opt/.wh..wh..opq", |e| e.data(b""));
    changes.add("opt/new", |e| e.data(b"2"));
    let mut top = Archive::new();
    top.add("etc/kept", |e| e.data(b"top"));
    TestImage::from_archives([base, changes, top].map(Archive::finish).into())
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn the_container_sees_the_image_and_its_own_changes() {
    let fixture = Fixture::new(&three_layers()).await;
    let rootfs = fixture.prepare("one").unwrap();
    let other = fixture.prepare("two").unwrap();
    assert_eq!(names(&rootfs), ["dev", "etc", "opt", "proc", "sys"]);
    let etc = ["hostname", "hosts", "kept", "resolv.conf"];
    assert_eq!(names(&rootfs.join("etc")), etc);
    assert_eq!(names(&rootfs.join("opt")), ["new"]);
    assert_eq!(fs::read_to_string(rootfs.join("etc/kept")).unwrap(), "top");
    let root = fs::metadata(&rootfs).unwrap();
    assert_eq!(
        (root.mode() & 0o7777, root.uid(), root.gid()),
        (0o751, 3, 4)
    );

    fs::write(rootfs.join("etc/kept"), "mine").unwrap();
    fs::remove_file(rootfs.join("opt/new")).unwrap();
    assert_eq!(fs::read_to_string(other.join("etc/kept")).unwrap(), "top");
    assert_eq!(names(&other.join("opt")), ["new"]);

    for name in ["one", "two", "one", "never"] {
        fixture
            .snapshots
            .unmount_and_remove(&fixture.dir(name))
            .unwrap();
        assert!(!fixture.dir(name).exists());
    }
    let third = fixture.prepare("three").unwrap();
    assert_eq!(fs::read_to_string(third.join("etc/kept")).unwrap(), "top");
}

#[tokio::test]
async fn preparing_again_replaces_what_was_there() {
    let fixture = Fixture::new(&three_layers()).await;
    let rootfs = fixture.prepare("one").unwrap();
    fs::write(rootfs.join("mark"), "x").unwrap();
    fixture.prepare("one").unwrap();
    assert!(!rootfs.join("mark").exists());
}

#[tokio::test]
async fn an_image_in_use_cannot_be_deleted_but_untagged() {
    let image = three_layers();
    let fixture = Fixture::new(&image).await;
    let store = fixture.snapshots.store.clone();
    let again = Cursor::new(image.docker_archive(&["app:v2"]));
    store.load(again, None).await.unwrap();
    fixture.prepare("one").unwrap();

    assert!(store.remove("app:v2").await.unwrap().deleted.is_none());
    for name in ["app:v1", &fixture.image.to_string()] {
        let error = store.remove(name).await.unwrap_err();
        let ImageError::InUse { snapshots, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!(*snapshots, [fixture.dir("one")]);
    }
    fixture
        .snapshots
        .unmount_and_remove(&fixture.dir("one"))
        .unwrap();
    assert!(store.remove("app:v1").await.unwrap().deleted.is_some());
    let error = fixture.prepare("two").unwrap_err();
    assert!(matches!(error, ImageError::NotPresent { .. }));
    assert!(!fixture.dir("two").exists());
}

#[tokio::test]
async fn the_next_process_finds_what_this_one_left() {
    let fixture = Fixture::new(&three_layers()).await;
    for name in ["kept", "lost", "gone"] {
        fixture.prepare(name).unwrap();
    }
    // A directory that vanished with its mount, as after a power cut.
    mount::unmount_all(&fixture.dir("gone/rootfs")).unwrap();
    remove_path(&fixture.dir("gone")).unwrap();
    let uses = recorded_uses(&fixture.root.path().join("store")).unwrap();
    assert_eq!(uses.len(), 2);
    assert_eq!(uses.get(&fixture.dir("lost")), Some(&fixture.image));
}

#[tokio::test]
async fn a_failed_mount_leaves_nothing_and_says_why() {
    let fixture = Fixture::new(&three_layers()).await;
    let layers = fixture.root.path().join("store/layers");
    let hidden = fixture.root.path().join("hidden");
    fs::rename(&layers, &hidden).unwrap();
    let error = fixture.prepare("one").unwrap_err().to_string();
    fs::rename(&hidden, &layers).unwrap();
    assert!(error.contains("No such file"), "{error}");
    assert!(!fixture.dir("one").exists());
    assert!(fixture.recorded().is_empty());
    assert_eq!(names(&fixture.root.path().join("store/snapshots")), [""; 0]);
}

#[tokio::test]
async fn a_directory_that_is_no_snapshot_is_left_alone() {
    let fixture = Fixture::new(&three_layers()).await;
    fs::create_dir(fixture.dir("mine")).unwrap();
    fs::write(fixture.dir("mine/data"), "x").unwrap();
    let error = fixture.prepare("mine").unwrap_err().to_string();
    assert!(error.contains("File exists"), "{error}");
    assert!(fixture.dir("mine/data").exists());
    assert!(fixture.recorded().is_empty());
}

#[tokio::test]
async fn a_mount_inside_is_never_deleted_through() {
    let fixture = Fixture::new(&three_layers()).await;
    fixture.prepare("one").unwrap();
    let outside = fixture.root.path().join("outside");
    let inside = fixture.dir("one/upper/inside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("precious"), "x").unwrap();
    fs::create_dir(&inside).unwrap();
    rustix::mount::mount_bind(&outside, &inside).unwrap();
    let removed = fixture.snapshots.unmount_and_remove(&fixture.dir("one"));
    mount::unmount_all(&inside).unwrap();
    assert!(matches!(removed, Err(ImageError::Storage { .. })));
    assert!(outside.join("precious").exists());
    fixture
        .snapshots
        .unmount_and_remove(&fixture.dir("one"))
        .unwrap();
}

#[tokio::test]
async fn an_image_without_layers_has_only_what_every_container_needs() {
    let fixture = Fixture::new(&TestImage::new(&[])).await;
    let rootfs = fixture.prepare("one").unwrap();
    assert_eq!(names(&rootfs), ["dev", "etc", "proc", "sys"]);
    fs::write(rootfs.join("a"), "x").unwrap();
}

#[tokio::test]
async fn many_layers_and_long_or_odd_paths_mount_both_ways() {
    let contents: Vec<(String, Vec<u8>)> = (0..120)
        .map(|number| (format!("file{number}"), vec![b'x']))
        .collect();
    let layers: Vec<Vec<(&str, &[u8])>> = contents
        .iter()
        .map(|(name, data)| vec![(name.as_str(), data.as_slice())])
        .collect();
    let layers: Vec<&[(&str, &[u8])]> = layers.iter().map(Vec::as_slice).collect();
    let fixture = Fixture::new(&TestImage::new(&layers)).await;
    let odd = fixture.root.path().join("a,b:c\\d").join("p".repeat(200));
    fs::create_dir_all(&odd).unwrap();
    for name in ["one", "two"] {
        let dir = odd.join(name);
        let mounted = fixture
            .snapshots
            .prepare_detached(&fixture.image, &dir)
            .unwrap();
        let rootfs = attach(&mounted, &dir);
        assert_eq!(names(&rootfs).len(), 124);
        // The same with mount(2), as on kernels before 6.8.
        mount::unmount_all(&rootfs).unwrap();
        remove_path(&dir.join("work")).unwrap();
        fs::create_dir(dir.join("work")).unwrap();
        let inner = &fixture.snapshots.store.inner;
        let layers = claim(inner, &fixture.image, &dir).unwrap();
        let mounted = Overlay { dir: &dir, layers }
            .mount_at_once_for_test()
            .unwrap();
        attach(&mounted, &dir);
        assert_eq!(names(&rootfs).len(), 120);
        fs::write(rootfs.join("written"), "x").unwrap();
        assert!(dir.join("upper/written").exists());
        fixture.snapshots.unmount_and_remove(&dir).unwrap();
    }
}

#[tokio::test]
async fn a_detached_root_file_system_is_seen_through_its_descriptor_only() {
    let fixture = Fixture::new(&three_layers()).await;
    let dir = fixture.dir("one");
    let mounted = fixture
        .snapshots
        .prepare_detached(&fixture.image, &dir)
        .unwrap();
    assert!(!dir.join("rootfs").exists());
    let inside = PathBuf::from(format!("/proc/self/fd/{}", mounted.as_raw_fd()));
    assert_eq!(names(&inside), ["dev", "etc", "opt", "proc", "sys"]);
    assert_eq!(fs::read(inside.join("etc/hosts")).unwrap(), b"");
    assert_eq!(fs::read(inside.join("etc/kept")).unwrap(), b"top");
    fs::write(inside.join("etc/written"), "x").unwrap();
    assert!(dir.join("upper/etc/written").exists());
    drop(mounted);
    fixture.snapshots.unmount_and_remove(&dir).unwrap();
    assert!(!dir.exists());
}
