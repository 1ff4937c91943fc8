//! Debian's docker-registry on a loopback port, with its data in a temporary directory.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::Client;

use crate::busybox::{Busybox, digest};

pub(crate) struct Registry {
    process: Child,
    port: u16,
    dir: tempfile::TempDir,
    client: Client,
}

/// What the registry demands of its users.
#[derive(Default)]
pub(crate) struct Demands {
    /// Only TLS, with a certificate that [`Registry::certificate`] names.
    pub(crate) tls: bool,
    /// Only user `me` with password `secret`.
    pub(crate) password: bool,
}

/// `secret`, as htpasswd writes it.
const HTPASSWD: &str = "me:$2b$04$833m18sI8R/SiNJkLFirhOp7vn0Art26QYds.fH7F13Q9XTvpxl8O\n";

impl Registry {
    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (process, port) = serve(dir.path(), &Demands::default()).await;
        Self {
            process,
            port,
            dir,
            client: lenient_client(),
        }
    }

    /// Serves the same content on another port and under other conditions.
    pub(crate) async fn restart(&mut self, demands: &Demands) {
        self.stop();
        (self.process, self.port) = serve(self.dir.path(), demands).await;
    }

    pub(crate) fn certificate(&self) -> PathBuf {
        self.dir.path().join("cert.pem")
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    pub(crate) async fn push(&self, repository: &str, tag: &str, image: &Busybox) {
        for blob in image.layers.iter().chain([&image.config]) {
            self.push_blob(repository, blob).await;
        }
        let url = format!("{}/v2/{repository}/manifests/{tag}", self.url());
        let media_type = "application/vnd.docker.distribution.manifest.v2+json";
        let request = self.client.put(url).header("Content-Type", media_type);
        let answer = request.body(image.manifest.clone()).send().await.unwrap();
        assert_eq!(answer.status(), 201);
    }

    async fn push_blob(&self, repository: &str, blob: &[u8]) {
        let url = format!("{}/v2/{repository}/blobs/uploads/", self.url());
        let started = self.client.post(url).send().await.unwrap();
        let location = started.headers().get("location").unwrap().to_str().unwrap();
        let mut upload = reqwest::Url::parse(location).unwrap();
        upload
            .query_pairs_mut()
            .append_pair("digest", &digest(blob));
        let request = self
            .client
            .put(upload)
            .header("Content-Type", "application/octet-stream");
        let answer = request.body(blob.to_vec()).send().await.unwrap();
        assert_eq!(answer.status(), 201);
    }

    /// Changes one byte of a stored blob; the registry does not notice.
    pub(crate) fn corrupt(&self, blob: &[u8]) {
        let digest = digest(blob);
        let hex = digest.strip_prefix("sha256:").unwrap();
        let path = format!(
            "data/docker/registry/v2/blobs/sha256/{}/{hex}/data",
            &hex[..2]
        );
        let path = self.dir.path().join(path);
        let mut content = fs::read(&path).unwrap();
        let middle = content.len() / 2;
        content[middle] ^= 1;
        fs::write(&path, content).unwrap();
    }

    pub(crate) fn stop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Starts a registry over `dir` on a port nobody uses.
async fn serve(dir: &Path, demands: &Demands) -> (Child, u16) {
    // The port is free when looked at, and may be taken when it is used: then look again.
    for _ in 0..5 {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let config = dir.join("config.yml");
        fs::write(&config, configuration(dir, port, demands)).unwrap();
        let mut process = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker-registry is installed");
        if answers(&mut process, port, demands).await {
            return (process, port);
        }
        let _ = process.kill();
        let _ = process.wait();
    }
    panic!("docker-registry does not start");
}

fn configuration(dir: &Path, port: u16, demands: &Demands) -> String {
    let path = |name: &str| dir.join(name).display().to_string();
    let tls = if demands.tls {
        make_certificate(dir);
        format!(
            ", tls: {{certificate: {}, key: {}}}",
            path("cert.pem"),
            path("key.pem")
        )
    } else {
        String::new()
    };
    let auth = if demands.password {
        fs::write(dir.join("htpasswd"), HTPASSWD).unwrap();
        format!(
            "auth: {{htpasswd: {{realm: test, path: {}}}}}\n",
            path("htpasswd")
        )
    } else {
        String::new()
    };
    format!(
        "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n\
         storage: {{filesystem: {{rootdirectory: {}}}}}\n\
         http: {{addr: 127.0.0.1:{port}{tls}}}\n{auth}",
        path("data")
    )
}

fn make_certificate(dir: &Path) {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
        ])
        .args(["-nodes", "-days", "2", "-subj", "/CN=test"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(dir)
        .output()
        .expect("openssl is installed");
    assert!(made.status.success(), "{made:?}");
}

async fn answers(process: &mut Child, port: u16, demands: &Demands) -> bool {
    let deadline = Instant::now() + Duration::from_secs(20);
    let scheme = if demands.tls { "https" } else { "http" };
    let url = format!("{scheme}://127.0.0.1:{port}/v2/");
    let client = lenient_client();
    while Instant::now() < deadline && process.try_wait().unwrap().is_none() {
        if client.get(&url).send().await.is_ok() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

fn lenient_client() -> Client {
    let ring = rustls::crypto::ring::default_provider();
    // Another test of this process may have done it.
    let _ = ring.install_default();
    let builder = Client::builder().no_proxy();
    builder
        .tls_danger_accept_invalid_certs(true)
        .build()
        .unwrap()
}
