//! Debian's docker-registry on a loopback port, with its data in a temporary directory.

use std::fs;
use std::net::TcpListener;
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

impl Registry {
    pub(crate) async fn start() -> Self {
        // The port is free when looked at, and may be taken when it is used: then look again.
        for _ in 0..5 {
            if let Some(registry) = Self::try_start().await {
                return registry;
            }
        }
        panic!("docker-registry does not start");
    }

    async fn try_start() -> Option<Self> {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("config.yml");
        let data = dir.path().join("data");
        fs::write(
            &config,
            format!(
                "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n\
                 storage: {{filesystem: {{rootdirectory: {}}}}}\n\
                 http: {{addr: 127.0.0.1:{port}}}\n",
                data.display()
            ),
        )
        .unwrap();
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker-registry is installed");
        let mut registry = Self {
            process,
            port,
            dir,
            client: plain_client(),
        };
        registry.answers().await.then_some(registry)
    }

    async fn answers(&mut self) -> bool {
        let deadline = Instant::now() + Duration::from_secs(20);
        let url = format!("{}/v2/", self.url());
        while Instant::now() < deadline && self.process.try_wait().unwrap().is_none() {
            if self
                .client
                .get(&url)
                .send()
                .await
                .is_ok_and(|answer| answer.status().is_success())
            {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        false
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

fn plain_client() -> Client {
    let ring = rustls::crypto::ring::default_provider();
    // Another test of this process may have done it.
    let _ = ring.install_default();
    Client::builder().tls_certs_only([]).build().unwrap()
}
