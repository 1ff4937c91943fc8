//! Unpacks hand-made archives as root and looks at what the file system says afterwards.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::atomic::Ordering;

use super::*;
use crate::image::test_archive::{Archive, NewEntry};

const LIMITS: LayerLimits = LayerLimits {
    bytes: 1 << 20,
    entries: 100,
};

struct Layer {
    dir: tempfile::TempDir,
    result: Result<Unpacked, ImageError>,
}

impl Layer {
    fn unpack(archive: &[u8], lowers: &[&Layer]) -> Self {
        Self::unpack_within(archive, lowers, LIMITS)
    }

    fn unpack_within(archive: &[u8], lowers: &[&Layer], limits: LayerLimits) -> Self {
        assert!(rustix::process::geteuid().is_root(), "this test needs root");
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("fs")).unwrap();
        let root = ScopedDir::open(&dir.path().join("fs")).unwrap();
        let lowers = lowers.iter().map(|lower| lower.root()).collect();
        let result = unpack(archive, root, lowers, limits, &Arc::default());
        Self { dir, result }
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("fs")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    fn ok(self) -> Self {
        assert!(self.result.is_ok(), "{:?}", self.result);
        self
    }

    fn reason(&self) -> String {
        match &self.result {
            Err(ImageError::Malformed { reason, .. }) => reason.clone(),
            other => panic!("expected a malformed layer, got {other:?}"),
        }
    }

    fn names(&self, dir: &str) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path(dir))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn is_whiteout(&self, name: &str) -> bool {
        let metadata = fs::symlink_metadata(self.path(name)).unwrap();
        metadata.file_type().is_char_device() && metadata.rdev() == 0
    }

    fn is_opaque(&self, name: &str) -> bool {
        xattr(&self.path(name), "trusted.overlay.opaque").as_deref() == Some(b"y")
    }
}

fn xattr(path: &Path, name: &str) -> Option<Vec<u8>> {
    let mut value = vec![0; 256];
    let len = rustix::fs::lgetxattr(path, name, &mut value[..]).ok()?;
    value.truncate(len);
    Some(value)
}

#[test]
fn everything_a_layer_can_hold_comes_out_as_it_went_in() {
    let mut archive = Archive::new();
    archive.add("./", |e| e.directory().mode(0o751).owner(7, 8));
    archive.add("bin/", |e| e.directory().mtime(1_000));
    archive.add("bin/su", |e| {
        e.data(b"elf").mode(0o4755).owner(1, 2).mtime(1_700_000_000)
    });
    archive.add("bin/link", |e| e.symlink("../etc/x").owner(3, 4));
    archive.add("bin/hard", |e| e.hard_link("/bin/su"));
    archive.add("bin/pipe", |e| e.fifo().mode(0o640));
    archive.add("bin/null", |e| e.char_device(1, 3).mode(0o666));
    archive.xattr("bin/cap", "security.capability", CAPABILITY, b"x");
    archive.xattr("bin/attr", "user.note", b"hi", b"x");
    let bytes = archive.finish();
    let layer = Layer::unpack(&bytes, &[]).ok();

    let unpacked = layer.result.as_ref().unwrap();
    assert_eq!(unpacked.diff_id, Digest::of(&bytes));
    assert_eq!(unpacked.size, bytes.len() as u64);
    let meta = |name: &str| fs::symlink_metadata(layer.path(name)).unwrap();
    let root = meta("");
    assert_eq!(
        (root.mode() & 0o7777, root.uid(), root.gid()),
        (0o751, 7, 8)
    );
    let su = meta("bin/su");
    assert_eq!((su.mode() & 0o7777, su.uid(), su.gid()), (0o4755, 1, 2));
    assert_eq!((su.mtime(), su.nlink()), (1_700_000_000, 2));
    assert_eq!(meta("bin").mtime(), 1_000);
    assert_eq!(meta("bin/hard").ino(), su.ino());
    assert_eq!(
        fs::read_link(layer.path("bin/link")).unwrap(),
        Path::new("../etc/x")
    );
    assert_eq!(meta("bin/link").uid(), 3);
    assert!(meta("bin/pipe").file_type().is_fifo());
    assert_eq!(meta("bin/pipe").permissions().mode() & 0o777, 0o640);
    assert_eq!(meta("bin/null").rdev(), makedev(1, 3));
    assert_eq!(meta("bin/null").permissions().mode() & 0o777, 0o666);
    assert_eq!(
        xattr(&layer.path("bin/cap"), "security.capability").unwrap(),
        CAPABILITY
    );
    assert_eq!(xattr(&layer.path("bin/attr"), "user.note").unwrap(), b"hi");
}

/// `cap_net_raw=ep` in the kernel's version 2 format.
const CAPABILITY: &[u8] = &[
    1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];

fn makedev(major: u32, minor: u32) -> u64 {
    rustix::fs::makedev(major, minor)
}

#[test]
fn names_that_point_outside_are_refused() {
    for name in ["../evil", "a/../../evil", "/../evil", "a/.."] {
        let mut archive = Archive::new();
        archive.add(name, |e| e.data(b"x"));
        let layer = Layer::unpack(&archive.finish(), &[]);
        assert!(layer.reason().contains("points outside"), "{name}");
        assert!(!layer.dir.path().join("evil").exists());
    }
}

#[test]
fn an_absolute_name_means_the_root_of_the_layer() {
    let mut archive = Archive::new();
    archive.add("/etc/lifepod-test", |e| e.data(b"x"));
    let layer = Layer::unpack(&archive.finish(), &[]).ok();
    assert!(layer.path("etc/lifepod-test").is_file());
    assert!(!Path::new("/etc/lifepod-test").exists());
}

#[test]
fn links_lead_only_to_places_within_the_layer() {
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().to_str().unwrap();
    for (link, through) in [(target, "link/evil"), ("../../../../../..", "link/evil")] {
        let mut archive = Archive::new();
        archive.add("link", |e| e.symlink(link));
        archive.add(through, |e| e.data(b"x"));
        let layer = Layer::unpack(&archive.finish(), &[]).ok();
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
        assert!(!layer.dir.path().join("evil").exists());
        let inside = layer.path(link.trim_start_matches('/').trim_start_matches("../"));
        assert!(inside.join("evil").is_file() || layer.path("evil").is_file());
    }
}

#[test]
fn a_file_through_a_link_replaces_the_link_not_its_target() {
    let outside = tempfile::tempdir().unwrap();
    let victim = outside.path().join("victim");
    fs::write(&victim, "kept").unwrap();
    let mut archive = Archive::new();
    archive.add("f", |e| e.symlink(victim.to_str().unwrap()));
    archive.add("f", |e| e.data(b"new"));
    let layer = Layer::unpack(&archive.finish(), &[]).ok();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "kept");
    assert_eq!(fs::read_to_string(layer.path("f")).unwrap(), "new");
}

#[test]
fn hard_links_reach_nothing_but_files_of_the_layer() {
    let outside = tempfile::tempdir().unwrap();
    let victim = outside.path().join("victim");
    fs::write(&victim, "kept").unwrap();
    let victim = victim.to_str().unwrap();
    for (target, reason) in [
        (victim, "not in the layer"),
        ("../victim", "points outside"),
        ("through/victim", "not in the layer"),
        ("missing", "not in the layer"),
        ("/", "links to the root"),
        ("dir", "links to a directory"),
    ] {
        let mut archive = Archive::new();
        archive.add("dir/", NewEntry::directory);
        archive.add("through", |e| e.symlink(outside.path().to_str().unwrap()));
        archive.add("hard", |e| e.hard_link(target));
        let layer = Layer::unpack(&archive.finish(), &[]);
        assert!(
            layer.reason().contains(reason),
            "{target}: {}",
            layer.reason()
        );
        assert_eq!(fs::metadata(victim).unwrap().nlink(), 1);
    }
}

#[test]
fn the_last_of_duplicate_entries_wins() {
    let mut archive = Archive::new();
    archive.add("a", |e| e.data(b"1").mode(0o600));
    archive.add("a", |e| e.data(b"22").mode(0o644));
    archive.add("d/", NewEntry::directory);
    archive.add("d/kept", |e| e.data(b"x"));
    archive.add("d/", |e| e.directory().mode(0o700));
    archive.add("t/", NewEntry::directory);
    archive.add("t/gone", |e| e.data(b"x"));
    archive.add("t", |e| e.data(b"file now"));
    archive.add("s", |e| e.symlink("d"));
    archive.add("s/", NewEntry::directory);
    archive.add("s/own", |e| e.data(b"x"));
    archive.add("h", |e| e.data(b"same"));
    archive.add("h", |e| e.hard_link("h"));
    archive.add("a", |e| e.hard_link("h"));
    let layer = Layer::unpack(&archive.finish(), &[]).ok();
    assert_eq!(layer.names("d"), ["kept"]);
    assert_eq!(fs::metadata(layer.path("d")).unwrap().mode() & 0o777, 0o700);
    assert!(layer.path("t").is_file());
    assert_eq!(layer.names("s"), ["own"]);
    assert_eq!(fs::read_to_string(layer.path("a")).unwrap(), "same");
}

#[test]
fn a_file_as_a_parent_is_malformed() {
    let mut archive = Archive::new();
    archive.add("a", |e| e.data(b"1"));
    archive.add("a/b", |e| e.data(b"2"));
    assert!(
        Layer::unpack(&archive.finish(), &[])
            .reason()
            .contains("a/b")
    );
    let mut looped = Archive::new();
    looped.add("l", |e| e.symlink("l"));
    looped.add("l/x", |e| e.data(b"2"));
    assert!(
        Layer::unpack(&looped.finish(), &[])
            .reason()
            .contains("l/x")
    );
}

fn base() -> Layer {
    let mut archive = Archive::new();
    archive.add("./", |e| e.directory().mode(0o750).owner(5, 6));
    archive.add("etc/", |e| e.directory().mode(0o700).owner(9, 9).mtime(77));
    archive.add("etc/old", |e| e.data(b"old"));
    archive.add("usr/lib/", |e| e.directory().mode(0o711));
    archive.add("lib", |e| e.symlink("usr/lib"));
    Layer::unpack(&archive.finish(), &[]).ok()
}

#[test]
fn whiteouts_become_what_overlayfs_understands() {
    let base = base();
    let mut archive = Archive::new();
    archive.add("etc/.wh.old", |e| e.data(b""));
    archive.add("usr/.wh..wh..opq", |e| e.data(b""));
    archive.add("etc/.wh..wh.plnk", |e| e.data(b""));
    let layer = Layer::unpack(&archive.finish(), &[&base]).ok();
    assert!(layer.is_whiteout("etc/old"));
    assert!(layer.is_opaque("usr"));
    assert_eq!(layer.names("etc"), ["old"]);
}

#[test]
fn a_whiteout_of_something_missing_leaves_nothing() {
    let base = base();
    let mut archive = Archive::new();
    archive.add("etc/.wh.never", |e| e.data(b""));
    archive.add("nowhere/.wh.x", |e| e.data(b""));
    let bytes = archive.finish();
    let layer = Layer::unpack(&bytes, &[&base]).ok();
    assert!(layer.names("").is_empty());
    let bottom = Layer::unpack(&bytes, &[]).ok();
    assert!(bottom.names("").is_empty());
}

#[test]
fn a_whiteout_without_a_name_is_malformed() {
    for name in [".wh.", "etc/.wh..", "etc/.wh..."] {
        let mut archive = Archive::new();
        archive.add(name, |e| e.data(b""));
        let layer = Layer::unpack(&archive.finish(), &[&base()]);
        assert!(layer.reason().contains("hides nothing"), "{name}");
    }
}

#[test]
fn a_directory_deleted_and_made_again_shows_nothing_of_the_old_one() {
    let base = base();
    for delete_first in [true, false] {
        let mut archive = Archive::new();
        if delete_first {
            archive.add(".wh.etc", |e| e.data(b""));
        }
        archive.add("etc/", NewEntry::directory);
        archive.add("etc/new", |e| e.data(b"x"));
        if !delete_first {
            archive.add(".wh.etc", |e| e.data(b""));
        }
        let layer = Layer::unpack(&archive.finish(), &[&base]).ok();
        assert!(layer.is_opaque("etc"), "delete first: {delete_first}");
        assert_eq!(layer.names("etc"), ["new"]);
    }
}

#[test]
fn parents_that_are_not_listed_look_as_below() {
    let base = base();
    let mut archive = Archive::new();
    archive.add("etc/new", |e| e.data(b"x"));
    archive.add("var/cache/f", |e| e.data(b"x"));
    let layer = Layer::unpack(&archive.finish(), &[&base]).ok();
    let meta = |name: &str| fs::metadata(layer.path(name)).unwrap();
    let etc = meta("etc");
    assert_eq!(
        (etc.mode() & 0o7777, etc.uid(), etc.mtime()),
        (0o700, 9, 77)
    );
    assert_eq!((meta("").mode() & 0o7777, meta("").uid()), (0o750, 5));
    assert_eq!(meta("var/cache").mode() & 0o7777, 0o755);
}

#[test]
fn a_link_to_a_place_only_a_lower_layer_has_is_followed_there() {
    let base = base();
    let mut archive = Archive::new();
    archive.add("lib64", |e| e.symlink("/usr/lib"));
    archive.add("lib64/ld.so", |e| e.data(b"x"));
    let layer = Layer::unpack(&archive.finish(), &[&base]).ok();
    assert!(layer.path("usr/lib/ld.so").is_file());
    let lib = fs::metadata(layer.path("usr/lib")).unwrap();
    assert_eq!(lib.mode() & 0o777, 0o711);
}

#[test]
fn attributes_that_steer_overlayfs_are_not_taken_from_the_archive() {
    for name in [
        "trusted.overlay.redirect",
        "user.overlay.opaque",
        "trusted.x",
    ] {
        let mut archive = Archive::new();
        archive.xattr("f", name, b"/etc", b"x");
        let layer = Layer::unpack(&archive.finish(), &[]).ok();
        assert_eq!(xattr(&layer.path("f"), name), None, "{name}");
    }
}

#[test]
fn limits_and_cancellation_stop_it() {
    let mut archive = Archive::new();
    for i in 0..10 {
        archive.add(&format!("{i}"), |e| e.data(&[b'x'; 600]));
    }
    let bytes = archive.finish();
    let few = LayerLimits {
        entries: 9,
        ..LIMITS
    };
    let result = Layer::unpack_within(&bytes, &[], few).result;
    assert!(matches!(result, Err(ImageError::TooLarge { limit: 9, .. })));
    let small = LayerLimits {
        bytes: 5000,
        ..LIMITS
    };
    let result = Layer::unpack_within(&bytes, &[], small).result;
    assert!(matches!(
        result,
        Err(ImageError::TooLarge { limit: 5000, .. })
    ));

    let dir = tempfile::tempdir().unwrap();
    let cancel = Arc::new(AtomicBool::new(false));
    cancel.store(true, Ordering::Relaxed);
    let root = ScopedDir::open(dir.path()).unwrap();
    let result = unpack(bytes.as_slice(), root, Vec::new(), LIMITS, &cancel);
    assert!(matches!(result, Err(ImageError::Cancelled)));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_cut_gzip_stream_is_malformed() {
    let mut archive = Archive::new();
    archive.add("a", |e| e.data(&[b'x'; 3000]));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&archive.finish()).unwrap();
    let packed = gzip.finish().unwrap();
    let whole = Layer::unpack(&packed, &[]).ok();
    assert_eq!(whole.names(""), ["a"]);
    for cut in [packed.len() - 1, packed.len() - 9, packed.len() / 2] {
        let layer = Layer::unpack(&packed[..cut], &[]);
        assert!(layer.reason().contains("too early"), "{}", layer.reason());
    }
}

#[test]
fn a_link_in_the_way_of_a_lower_lookup_stays_inside_that_layer() {
    let base = base();
    symlink("/", base.path("host")).unwrap();
    let mut archive = Archive::new();
    archive.add("host/etc/.wh.passwd", |e| e.data(b""));
    let layer = Layer::unpack(&archive.finish(), &[&base]).ok();
    assert!(layer.names("").is_empty());
}
