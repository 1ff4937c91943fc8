//! How long a container's root file system takes to appear and to go. Needs root.
//!
//! `cargo bench -p lifepod-oci --bench snapshots`; figures are microseconds, warm.

#![expect(
    clippy::unwrap_used,
    reason = "a failed expectation ends the measurement"
)]
#![expect(clippy::print_stdout, reason = "the figures are the purpose")]

use std::fs;
use std::io::Cursor;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lifepod_oci::image::{Image, ImageStore, RegistryConfig};
use lifepod_oci::snapshot::Snapshots;
use serde_json::json;
use sha2::Digest as _;

const ROUNDS: usize = 300;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let root = tempfile::tempdir().unwrap();
    let store = ImageStore::open(root.path().join("store"), RegistryConfig::default()).unwrap();
    println!("layers  files written  prepare p50    p99   remove p50    p99");
    for layers in [1, 5, 50] {
        let image = load(&store, layers).await;
        for files in [0, 10, 100] {
            measure(&store.snapshots(), &image, root.path(), layers, files);
        }
    }
}

fn measure(snapshots: &Snapshots, image: &Image, root: &Path, layers: usize, files: usize) {
    let (mut prepared, mut removed) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let dir = root.join(format!("snapshot-{round}"));
        let start = Instant::now();
        let mounted = snapshots.prepare_detached(&image.id, &dir).unwrap();
        prepared.push(start.elapsed());
        let rootfs = PathBuf::from(format!("/proc/self/fd/{}", mounted.as_raw_fd()));
        for file in 0..files {
            fs::write(rootfs.join(file.to_string()), "content").unwrap();
        }
        // The container has ended.
        drop(mounted);
        let start = Instant::now();
        snapshots.unmount_and_remove(&dir).unwrap();
        removed.push(start.elapsed());
    }
    let [p50, p99] = percentiles(prepared);
    let [gone50, gone99] = percentiles(removed);
    println!("{layers:6} {files:14} {p50:12} {p99:6} {gone50:12} {gone99:6}");
}

fn percentiles(mut times: Vec<Duration>) -> [u128; 2] {
    times.sort_unstable();
    [50, 99].map(|percent| times[times.len() * percent / 100].as_micros())
}

/// An image of small layers, by way of an archive as `docker save` writes it.
async fn load(store: &ImageStore, layers: usize) -> Image {
    let mut archive = tar::Builder::new(Vec::new());
    let mut add = |name: &str, content: &[u8]| {
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        archive.append_data(&mut header, name, content).unwrap();
    };
    let (mut names, mut diff_ids) = (Vec::new(), Vec::new());
    for number in 0..layers {
        let mut layer = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o644);
        header.set_size(1);
        let name = format!("etc/file{number}");
        layer.append_data(&mut header, name, &b"x"[..]).unwrap();
        let layer = layer.into_inner().unwrap();
        diff_ids.push(format!(
            "sha256:{}",
            hex::encode(sha2::Sha256::digest(&layer))
        ));
        names.push(format!("{number}.tar"));
        add(&names[number], &layer);
    }
    let config = json!({"rootfs": {"type": "layers", "diff_ids": diff_ids}}).to_string();
    add("config.json", config.as_bytes());
    let manifest = json!([{"Config": "config.json", "RepoTags": [], "Layers": names}]).to_string();
    add("manifest.json", manifest.as_bytes());
    let archive = Cursor::new(archive.into_inner().unwrap());
    store.load(archive, None).await.unwrap().remove(0)
}
