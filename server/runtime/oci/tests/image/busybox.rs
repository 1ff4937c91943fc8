//! An image around the host's static busybox: two layers with all that makes layers hard.

use std::fs;
use std::io::Write;

use serde_json::{Value, json};
use sha2::Digest as _;
use tar::{EntryType, Header};

pub(crate) struct Busybox {
    pub(crate) config: Vec<u8>,
    pub(crate) manifest: Vec<u8>,
    /// Compressed.
    pub(crate) layers: Vec<Vec<u8>>,
}

impl Busybox {
    pub(crate) fn build() -> Self {
        let program = ["/bin/busybox", "/usr/bin/busybox"]
            .iter()
            .find_map(|path| fs::read(path).ok())
            .expect("busybox-static is installed");
        let archives = [base(&program), changes()];
        let diff_ids: Vec<String> = archives.iter().map(|archive| digest(archive)).collect();
        let layers: Vec<Vec<u8>> = archives.iter().map(|archive| gzip(archive)).collect();
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        let config = json!({
            "architecture": architecture, "os": "linux", "created": "2024-01-01T00:00:00Z",
            "config": {"Cmd": ["sh"], "User": "app", "Env": ["PATH=/bin"]},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": [{"created_by": "base"}, {"created_by": "changes"}],
        })
        .to_string()
        .into_bytes();
        let layer_type = "application/vnd.docker.image.rootfs.diff.tar.gzip";
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": descriptor("application/vnd.docker.container.image.v1+json", &config),
            "layers": layers.iter().map(|l| descriptor(layer_type, l)).collect::<Vec<_>>(),
        })
        .to_string()
        .into_bytes();
        Self {
            config,
            manifest,
            layers,
        }
    }

    pub(crate) fn manifest_digest(&self) -> String {
        digest(&self.manifest)
    }
}

fn base(program: &[u8]) -> Vec<u8> {
    let mut layer = tar::Builder::new(Vec::new());
    for dir in ["bin/", "dev/", "etc/", "tmp/"] {
        entry(&mut layer, dir, EntryType::Directory, 0o755, (0, 0), b"");
    }
    entry(
        &mut layer,
        "bin/busybox",
        EntryType::Regular,
        0o755,
        (0, 0),
        program,
    );
    entry(
        &mut layer,
        "bin/su",
        EntryType::Regular,
        0o4755,
        (0, 0),
        b"#!/bin/sh\n",
    );
    for name in ["sh", "cat", "ls", "rm", "echo"] {
        link(
            &mut layer,
            &format!("bin/{name}"),
            EntryType::Symlink,
            "busybox",
        );
    }
    link(&mut layer, "bin/hard", EntryType::Link, "bin/busybox");
    let mut null = header("dev/null", EntryType::Char, 0o666, (0, 0), 0);
    null.set_device_major(1).unwrap();
    null.set_device_minor(3).unwrap();
    null.set_cksum();
    layer.append(&null, &[][..]).unwrap();
    entry(
        &mut layer,
        "etc/motd",
        EntryType::Regular,
        0o644,
        (0, 0),
        b"first layer\n",
    );
    entry(
        &mut layer,
        "etc/removed",
        EntryType::Regular,
        0o644,
        (0, 0),
        b"",
    );
    let passwd = b"root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n";
    entry(
        &mut layer,
        "etc/passwd",
        EntryType::Regular,
        0o644,
        (0, 0),
        passwd,
    );
    entry(
        &mut layer,
        "etc/group",
        EntryType::Regular,
        0o644,
        (0, 0),
        b"app:x:1000:\n",
    );
    layer.into_inner().unwrap()
}

fn changes() -> Vec<u8> {
    let mut layer = tar::Builder::new(Vec::new());
    entry(
        &mut layer,
        "etc/.wh.removed",
        EntryType::Regular,
        0o644,
        (0, 0),
        b"",
    );
    entry(
        &mut layer,
        "etc/motd",
        EntryType::Regular,
        0o644,
        (0, 0),
        b"second layer\n",
    );
    entry(
        &mut layer,
        "home/app/",
        EntryType::Directory,
        0o700,
        (1000, 1000),
        b"",
    );
    layer.into_inner().unwrap()
}

type Layer = tar::Builder<Vec<u8>>;

fn header(name: &str, kind: EntryType, mode: u32, owner: (u64, u64), size: usize) -> Header {
    let mut header = Header::new_ustar();
    header.set_path(name).unwrap();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(owner.0);
    header.set_gid(owner.1);
    header.set_mtime(1_700_000_000);
    header.set_size(size as u64);
    header
}

fn entry(
    layer: &mut Layer,
    name: &str,
    kind: EntryType,
    mode: u32,
    owner: (u64, u64),
    data: &[u8],
) {
    let mut header = header(name, kind, mode, owner, data.len());
    header.set_cksum();
    layer.append(&header, data).unwrap();
}

fn link(layer: &mut Layer, name: &str, kind: EntryType, target: &str) {
    let mut header = header(name, kind, 0o777, (0, 0), 0);
    header.set_link_name(target).unwrap();
    header.set_cksum();
    layer.append(&header, &[][..]).unwrap();
}

fn descriptor(media_type: &str, content: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": digest(content), "size": content.len()})
}

pub(crate) fn digest(content: &[u8]) -> String {
    format!("sha256:{}", hex::encode(sha2::Sha256::digest(content)))
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}
