//! The smallest possible HTTP client.

use anyhow::{Context, Result};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// Fetches `/` and answers head and body.
pub(super) fn get(ip: &str, port: u16, patience: Duration) -> Result<String> {
    let address = SocketAddr::new(
        ip.parse().with_context(|| format!("odd address `{ip}`"))?,
        port,
    );
    let mut stream =
        TcpStream::connect_timeout(&address, patience).context("cannot connect to the pod")?;
    stream.set_read_timeout(Some(patience))?;
    write!(stream, "GET / HTTP/1.0\r\nHost: {ip}\r\n\r\n")?;
    let mut page = Vec::new();
    stream.read_to_end(&mut page)?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}
