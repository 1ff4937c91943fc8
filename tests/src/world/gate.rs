//! A door that a container stands at until the test lets it through.
//!
//! The container asks with `wget` on the host's network; it goes on with the answer.

use super::observer::SOON;
use anyhow::{Context, Result};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// A door that a container stands at until the test lets it through.
#[derive(Debug)]
pub struct Gate {
    listener: TcpListener,
    port: u16,
}

/// Somebody who waits.
#[derive(Debug)]
pub struct Visitor {
    connection: TcpStream,
}

impl Gate {
    /// Puts up a door.
    ///
    /// # Errors
    ///
    /// When there is no free port on loopback.
    pub async fn new() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        Ok(Self { listener, port })
    }

    /// The shell command that waits for the answer and prints it. For pods on the host's network.
    #[must_use]
    pub fn wait_command(&self) -> String {
        format!("wget -q -O - http://127.0.0.1:{}/", self.port)
    }

    /// Waits until somebody stands at the door.
    ///
    /// # Errors
    ///
    /// When nobody comes in time.
    pub async fn visitor(&self) -> Result<Visitor> {
        let arrived = timeout(SOON, self.listener.accept()).await;
        let (mut connection, _) = arrived.context("nobody comes")??;
        // Its question is read, so that closing the connection does not look like a refusal.
        let mut question = [0; 1024];
        let _ = connection.read(&mut question).await?;
        Ok(Visitor { connection })
    }
}

impl Visitor {
    /// Lets it through with an answer.
    ///
    /// # Errors
    ///
    /// When it has gone away.
    pub async fn let_through(mut self, answer: &str) -> Result<()> {
        let length = answer.len();
        let response = format!("HTTP/1.0 200 OK\r\nContent-Length: {length}\r\n\r\n{answer}");
        self.connection.write_all(response.as_bytes()).await?;
        Ok(self.connection.shutdown().await?)
    }
}
