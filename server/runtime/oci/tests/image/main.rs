//! Images from a real registry (Debian's docker-registry), archives from a real tool (skopeo), and root file
//! systems that really run a program. Needs root.

#![expect(clippy::unwrap_used, reason = "a failed expectation ends the test")]

mod busybox;
mod registry;

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use busybox::Busybox;
use lifepod_oci::image::{Credentials, ImageError, ImageStore, RegistryConfig, RegistrySettings};
use lifepod_oci::snapshot;
use registry::{Demands, Registry};
use rustix::fs::CWD;
use rustix::mount::{MoveMountFlags, move_mount};

/// A store in a temporary directory; its mounts end with it.
struct Store {
    images: ImageStore,
    root: tempfile::TempDir,
}

impl Store {
    fn new(config: RegistryConfig) -> Self {
        let root = tempfile::tempdir().unwrap();
        let images = ImageStore::open(root.path().join("images"), config).unwrap();
        Self { images, root }
    }

    fn mount(&self, image: &str) -> PathBuf {
        let id = self.images.resolve(image).unwrap().id;
        let dir = self.snapshot();
        let mounted = self.images.snapshots().prepare_detached(&id, &dir).unwrap();
        // Where it can be seen.
        let rootfs = dir.join("rootfs");
        fs::create_dir(&rootfs).unwrap();
        let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
        move_mount(&mounted, "", CWD, &rootfs, flags).unwrap();
        rootfs
    }

    fn snapshot(&self) -> PathBuf {
        self.root.path().join("snapshot")
    }

    fn layer_count(&self) -> usize {
        fs::read_dir(self.root.path().join("images/layers"))
            .unwrap()
            .count()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.images.snapshots().unmount_and_remove(&self.snapshot());
    }
}

/// `docker.io` is only what the given endpoint has.
fn mirror_of_docker_io(endpoint: &str) -> RegistryConfig {
    serde_json::from_value(serde_json::json!({
        "auth_files": [],
        "registries": {"docker.io": {"mirrors": [endpoint], "mirrors_only": true}},
    }))
    .unwrap()
}

fn run_in(rootfs: &Path, command: &[&str]) -> String {
    let output = Command::new("chroot")
        .arg(rootfs)
        .args(command)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_pulled_through_a_mirror_runs() {
    let registry = Registry::start().await;
    let busybox = Busybox::build();
    registry.push("library/busybox", "1", &busybox).await;
    let store = Store::new(mirror_of_docker_io(&registry.url()));
    let image = store.images.pull("busybox:1", None, None).await.unwrap();
    assert_eq!(image.tags, ["docker.io/library/busybox:1"]);
    assert_eq!(
        image.repo_digests,
        [format!(
            "docker.io/library/busybox@{}",
            busybox.manifest_digest()
        )]
    );

    let rootfs = store.mount("busybox:1");
    assert_eq!(
        run_in(&rootfs, &["/bin/sh", "-c", "cat /etc/motd"]),
        "second layer\n"
    );
    assert_eq!(
        run_in(&rootfs, &["/bin/ls", "/etc"]),
        "group\nhostname\nhosts\nmotd\npasswd\nresolv.conf\n"
    );
    let meta = |path: &str| fs::symlink_metadata(rootfs.join(path)).unwrap();
    assert_eq!(meta("bin/busybox").ino(), meta("bin/hard").ino());
    assert_eq!(meta("bin/su").mode() & 0o7777, 0o4755);
    assert!(meta("dev/null").file_type().is_char_device());
    assert_eq!(
        (meta("home/app").uid(), meta("home/app").gid()),
        (1000, 1000)
    );
    run_in(
        &rootfs,
        &["/bin/sh", "-c", "echo changed > /etc/motd && rm /etc/group"],
    );

    let (_, config) = store.images.inspect("busybox:1").unwrap();
    assert_eq!(config.cmd, ["sh"]);
    let user = snapshot::user::resolve(&rootfs, &config.user).unwrap();
    assert_eq!(
        (user.uid, user.gid, user.home.as_deref()),
        (1000, 1000, Some("/home/app"))
    );

    // The second pull of the same image, and its removal while it is mounted.
    store.images.pull("busybox:1", None, None).await.unwrap();
    let error = store.images.remove("busybox:1").await.unwrap_err();
    assert!(matches!(error, ImageError::InUse { .. }), "{error}");
    let dir = rootfs.parent().unwrap();
    store.images.snapshots().unmount_and_remove(dir).unwrap();
    assert!(!dir.exists());
    store.images.remove("busybox:1").await.unwrap();
    assert_eq!(store.layer_count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_registry_lacks_damaged_or_hides_behind_a_dead_port_is_told_apart() {
    let mut registry = Registry::start().await;
    let busybox = Busybox::build();
    registry.push("app", "1", &busybox).await;
    let store = Store::new(mirror_of_docker_io(&registry.url()));
    let reference = format!("{}/app:1", registry.address());

    for missing in ["none:1", "app:2"] {
        let missing = format!("{}/{missing}", registry.address());
        let error = store.images.pull(&missing, None, None).await.unwrap_err();
        assert!(matches!(error, ImageError::NotFound { .. }), "{error}");
    }
    let error = store.images.pull("nginx", None, None).await.unwrap_err();
    assert!(matches!(error, ImageError::NotFound { .. }), "{error}");

    registry.corrupt(&busybox.layers[1]);
    let error = store.images.pull(&reference, None, None).await.unwrap_err();
    assert!(
        matches!(error, ImageError::VerificationFailed { .. }),
        "{error}"
    );
    assert!(store.images.list().is_empty());

    registry.stop();
    let error = store.images.pull(&reference, None, None).await.unwrap_err();
    assert!(matches!(error, ImageError::Unavailable { .. }), "{error}");
    assert_eq!(error.waiting_reason(), "RegistryUnavailable");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_other_tools_write_is_read() {
    let registry = Registry::start().await;
    let busybox = Busybox::build();
    registry.push("app", "1", &busybox).await;
    let dir = tempfile::tempdir().unwrap();
    let archive = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let source = format!("docker://{}/app:1", registry.address());
    let (docker, oci) = (archive("docker.tar"), archive("oci.tar"));
    skopeo(&[
        &source,
        &format!("docker-archive:{docker}:example.com/app:docker"),
    ]);
    skopeo(&[&source, &format!("oci-archive:{oci}:example.com/app:oci")]);
    let zstd = format!("docker://{}/app:zstd", registry.address());
    skopeo(&[
        "--dest-compress-format",
        "zstd",
        "--dest-compress-level",
        "3",
        "--format",
        "oci",
        &source,
        &zstd,
    ]);

    for (what, name) in [
        (docker, "example.com/app:docker"),
        (oci, "example.com/app:oci"),
    ] {
        let store = Store::new(RegistryConfig::default());
        let loaded = store
            .images
            .load_file(Path::new(&what), None)
            .await
            .unwrap();
        assert_eq!(loaded[0].tags, [name]);
        let rootfs = store.mount(name);
        assert_eq!(
            run_in(&rootfs, &["/bin/cat", "/etc/motd"]),
            "second layer\n"
        );
    }
    let store = Store::new(RegistryConfig::default());
    let image = format!("{}/app:zstd", registry.address());
    store.images.pull(&image, None, None).await.unwrap();
    let rootfs = store.mount(&image);
    assert_eq!(
        run_in(&rootfs, &["/bin/cat", "/etc/motd"]),
        "second layer\n"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_may_demand_a_password() {
    let mut registry = Registry::start().await;
    let busybox = Busybox::build();
    registry.push("app", "1", &busybox).await;
    let demands = Demands {
        password: true,
        ..Demands::default()
    };
    registry.restart(&demands).await;
    let image = format!("{}/app:1", registry.address());
    let store = Store::new(RegistryConfig {
        auth_files: Some(Vec::new()),
        ..RegistryConfig::default()
    });
    let me = |password: &str| {
        Some(Credentials::Basic {
            username: "me".to_owned(),
            password: password.to_owned(),
        })
    };
    for credentials in [None, me("wrong")] {
        let error = store
            .images
            .pull(&image, credentials, None)
            .await
            .unwrap_err();
        assert!(matches!(error, ImageError::Unauthorized { .. }), "{error}");
    }
    store.images.pull(&image, me("secret"), None).await.unwrap();

    let auth_file = store.root.path().join("auth.json");
    let entry = serde_json::json!({"auths": {registry.address(): {"auth": "bWU6c2VjcmV0"}}});
    fs::write(&auth_file, entry.to_string()).unwrap();
    let store = Store::new(RegistryConfig {
        auth_files: Some(vec![auth_file]),
        ..RegistryConfig::default()
    });
    store.images.pull(&image, None, None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_trusted_only_when_told_to() {
    let mut registry = Registry::start().await;
    let busybox = Busybox::build();
    registry.push("app", "1", &busybox).await;
    let tls = RegistrySettings {
        plain_http: Some(false),
        ..RegistrySettings::default()
    };
    let store = |registry: &Registry, settings: RegistrySettings| {
        Store::new(RegistryConfig {
            auth_files: Some(Vec::new()),
            registries: [(registry.address(), settings)].into(),
            ..RegistryConfig::default()
        })
    };
    let image = format!("{}/app:1", registry.address());
    let plain = store(&registry, tls.clone());
    let error = plain.images.pull(&image, None, None).await.unwrap_err();
    assert!(error.to_string().contains("does not speak TLS"), "{error}");

    let demands = Demands {
        tls: true,
        ..Demands::default()
    };
    registry.restart(&demands).await;
    let image = format!("{}/app:1", registry.address());

    let error = store(&registry, tls.clone())
        .images
        .pull(&image, None, None)
        .await
        .unwrap_err();
    assert!(matches!(error, ImageError::Unavailable { .. }), "{error}");
    assert!(error.to_string().contains("certificate"), "{error}");
    for trusting in [
        RegistrySettings {
            ca_file: Some(registry.certificate()),
            ..tls.clone()
        },
        RegistrySettings {
            skip_tls_verify: true,
            ..tls
        },
    ] {
        store(&registry, trusting)
            .images
            .pull(&image, None, None)
            .await
            .unwrap();
    }
}

fn skopeo(args: &[&str]) {
    let output = Command::new("skopeo")
        .args(["--insecure-policy", "copy", "--quiet"])
        .args(["--src-tls-verify=false", "--dest-tls-verify=false"])
        .args(args)
        .output()
        .expect("skopeo is installed");
    assert!(output.status.success(), "{output:?}");
}
