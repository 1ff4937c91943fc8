//! A registry for tests that answers as told: right, wrong, late, or half.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::digest::Digest;
use super::test_image::TestImage;

/// A request as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    /// Path and query.
    pub(crate) path: String,
    /// By lower-case name.
    pub(crate) headers: HashMap<String, String>,
}

/// What to answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Close the connection after this many bytes of the body.
    pub(crate) cut_at: Option<usize>,
    /// Send nothing more after this many bytes of the body, but keep the connection.
    pub(crate) stall_at: Option<usize>,
}

impl Answer {
    pub(crate) fn ok(body: &[u8]) -> Self {
        Self {
            status: 200,
            body: body.to_vec(),
            ..Self::default()
        }
    }

    pub(crate) fn status(status: u16, body: &str) -> Self {
        Self {
            status,
            body: body.into(),
            ..Self::default()
        }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

type Handler = dyn Fn(&Got) -> Answer + Send + Sync;

/// Serves on a loopback port until it is dropped.
pub(crate) struct TestRegistry {
    pub(crate) address: String,
    requests: Arc<Mutex<Vec<Got>>>,
    _serving: JoinSet<()>,
}

impl TestRegistry {
    /// Serves images by `repository:tag` and everything in them by digest.
    pub(crate) async fn serving(images: &[(&str, &TestImage)]) -> Self {
        let content = Content::new(images);
        Self::answering(move |got| content.answer(got)).await
    }

    pub(crate) async fn answering(
        handler: impl Fn(&Got) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::<Mutex<Vec<Got>>>::default();
        let mut serving = JoinSet::new();
        let (log, handler): (_, Arc<Handler>) = (Arc::clone(&requests), Arc::new(handler));
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, Arc::clone(&handler), Arc::clone(&log)));
            }
        });
        Self {
            address,
            requests,
            _serving: serving,
        }
    }

    /// The paths asked for so far that contain `part`.
    pub(crate) fn requests(&self, part: &str) -> Vec<Got> {
        let requests = self.requests.lock();
        let matching = requests.iter().filter(|got| got.path.contains(part));
        matching.cloned().collect()
    }
}

/// What an honest registry holds.
pub(crate) struct Content {
    by_path: HashMap<String, Vec<u8>>,
}

impl Content {
    pub(crate) fn new(images: &[(&str, &TestImage)]) -> Self {
        let mut by_path = HashMap::new();
        for (name, image) in images {
            let (repository, tag) = name.split_once(':').unwrap();
            let mut put = |kind: &str, key: &str, body: &[u8]| {
                by_path.insert(format!("/v2/{repository}/{kind}/{key}"), body.to_vec());
            };
            put("manifests", tag, &image.manifest);
            for document in [&image.manifest, &image.index()] {
                put("manifests", &Digest::of(document).to_string(), document);
            }
            for blob in image.layers.iter().chain([&image.config]) {
                put("blobs", &Digest::of(blob).to_string(), blob);
            }
        }
        Self { by_path }
    }

    pub(crate) fn put(&mut self, path: &str, body: &[u8]) {
        self.by_path.insert(path.to_owned(), body.to_vec());
    }

    pub(crate) fn answer(&self, got: &Got) -> Answer {
        let path = got.path.split('?').next().unwrap_or_default();
        let Some(body) = self.by_path.get(path) else {
            let body = r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#;
            return Answer::status(404, body);
        };
        let offset: Option<usize> = got.headers.get("range").and_then(|range| {
            range
                .strip_prefix("bytes=")?
                .strip_suffix('-')?
                .parse()
                .ok()
        });
        match offset {
            Some(offset) => Answer {
                status: 206,
                ..Answer::ok(&body[offset..])
            }
            .header(
                "Content-Range",
                &format!("bytes {offset}-{}/*", body.len() - 1),
            ),
            None => Answer::ok(body),
        }
    }
}

async fn serve(stream: TcpStream, handler: Arc<Handler>, log: Arc<Mutex<Vec<Got>>>) {
    let mut stream = BufReader::new(stream);
    while let Some(got) = read_request(&mut stream).await {
        let answer = handler(&got);
        log.lock().push(got);
        let mut head = format!(
            "HTTP/1.1 {} X\r\nContent-Length: {}\r\n",
            answer.status,
            answer.body.len()
        );
        for (name, value) in &answer.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let end = answer
            .cut_at
            .or(answer.stall_at)
            .unwrap_or(answer.body.len());
        let sent = [head.as_bytes(), &answer.body[..end]].concat();
        if stream.write_all(&sent).await.is_err() || answer.cut_at.is_some() {
            return;
        }
        if answer.stall_at.is_some() {
            std::future::pending::<()>().await;
        }
    }
}

async fn read_request(stream: &mut BufReader<TcpStream>) -> Option<Got> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let path = lines.first()?.split(' ').nth(1)?.to_owned();
    let headers = lines[1..].iter().filter_map(|line| line.split_once(": "));
    Some(Got {
        path,
        headers: headers
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect(),
    })
}
