//! The suite's own HTTP server: it tells containers how often they asked, which is their memory
//! across restarts, and answers probes and hooks as they want: `/status/500`, `/to/<URL>`.

use anyhow::Result;
use std::collections::BTreeMap;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// An HTTP server that answers how often a path was asked for before.
#[derive(Debug)]
pub(super) struct Counter {
    url: String,
    task: JoinHandle<()>,
}

impl Counter {
    /// Begins to answer; pods reach this machine at `address`.
    pub(super) async fn start(address: &str) -> Result<Self> {
        // The bridge with that address is made only with the first pod.
        let listener = TcpListener::bind("0.0.0.0:0").await?;
        let url = format!("http://{address}:{}", listener.local_addr()?.port());
        let task = tokio::spawn(serve(listener));
        Ok(Self { url, task })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener) {
    let mut counts = BTreeMap::<String, u32>::new();
    while let Ok((connection, _)) = listener.accept().await {
        // A container that gives up half way is not answered, which it finds out by itself.
        let _ = answer(connection, &mut counts).await;
    }
}

async fn answer(mut connection: TcpStream, counts: &mut BTreeMap<String, u32>) -> Result<()> {
    let mut question = vec![0; 4096];
    let length = connection.read(&mut question).await?;
    let question = String::from_utf8_lossy(&question[..length]).into_owned();
    let path = question.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut body = String::new();
    let head = if let Some(status) = path.strip_prefix("/status/") {
        format!("{status} As wanted\r\n")
    } else if let Some(target) = path.strip_prefix("/to/") {
        format!("302 Found\r\nLocation: {target}\r\n")
    } else {
        let count = counts.entry(path).or_default();
        body = count.to_string();
        *count += 1;
        "200 OK\r\n".to_owned()
    };
    let head = format!("HTTP/1.0 {head}Content-Length: {}\r\n\r\n", body.len());
    connection.write_all(head.as_bytes()).await?;
    connection.write_all(body.as_bytes()).await?;
    Ok(connection.shutdown().await?)
}
