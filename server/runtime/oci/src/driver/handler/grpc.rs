//! `grpc`: the standard health service (kubernetes `pkg/probe/grpc`).
//!
//! One unary call with two fields, over HTTP/2 in clear text; a whole gRPC library would be a lot
//! for that.

use std::{pin::pin, time::Duration};

use bytes::Bytes;
use futures::FutureExt as _;
use h2::{RecvStream, client};
use http::{HeaderMap, Request};
use lifepod_lifecycle::input::Outcome;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};

use super::target::Target;

const METHOD: &str = "/grpc.health.v1.Health/Check";
const AGENT: &str = "kube-probe/1.36";
const UNIMPLEMENTED: &str = "12";
/// Longest answer; a real one has two bytes after its header of five.
const MAX_ANSWER: usize = 1024;
const HEADER: usize = 5;

pub(super) async fn probe(target: &Target, service: &str, limit: Duration) -> Outcome {
    let (address, started) = (target.authority(), Instant::now());
    let seconds = limit.as_secs();
    let stream = match timeout(limit, TcpStream::connect(&address)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            let reason = super::tcp::reason(&error);
            return failure(format!(
                "error: failed to connect service at {address:?}: {reason}"
            ));
        }
        Err(_) => {
            return failure(format!(
                "timeout: failed to connect service {address:?} within {seconds}s: context deadline exceeded"
            ));
        }
    };
    match timeout_at(started + limit, check(stream, &address, service)).await {
        Ok(Ok(1)) => Outcome::Success,
        Ok(Ok(status)) => failure(format!(
            "service unhealthy (responded with {:?})",
            word(status)
        )),
        Ok(Err(message)) => failure(message),
        Err(_) => failure(format!(
            "timeout: health rpc did not complete within {seconds}s"
        )),
    }
}

const fn failure(message: String) -> Outcome {
    Outcome::Failure { message }
}

const fn word(status: u8) -> &'static str {
    match status {
        1 => "SERVING",
        2 => "NOT_SERVING",
        3 => "SERVICE_UNKNOWN",
        _ => "UNKNOWN",
    }
}

fn failed(error: impl ToString) -> String {
    format!("error: health rpc failed: {}", error.to_string())
}

/// One call over a connection of its own.
async fn check(stream: TcpStream, address: &str, service: &str) -> Result<u8, String> {
    let (client, connection) = client::handshake(stream).await.map_err(failed)?;
    let mut call = pin!(call(client, address, service));
    let ended = tokio::select! {
        biased;
        answer = &mut call => return answer,
        ended = connection => ended,
    };
    // What was read last may have brought the answer with the end.
    if let Some(Ok(answer)) = call.now_or_never() {
        return Ok(answer);
    }
    match ended {
        Ok(()) => Err(failed("the connection was closed")),
        Err(error) => Err(failed(error)),
    }
}

async fn call(
    client: client::SendRequest<Bytes>,
    address: &str,
    service: &str,
) -> Result<u8, String> {
    let request = Request::post(format!("http://{address}{METHOD}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("user-agent", AGENT)
        .body(())
        .map_err(failed)?;
    let mut client = client.ready().await.map_err(failed)?;
    let (answer, mut body) = client.send_request(request, false).map_err(failed)?;
    body.send_data(message(service), true).map_err(failed)?;
    let (head, mut body) = answer.await.map_err(failed)?.into_parts();
    // A call that fails at once has its status where others have their headers.
    refused(&head.headers)?;
    let message = read(&mut body).await?;
    if let Some(trailers) = body.trailers().await.map_err(failed)? {
        refused(&trailers)?;
    }
    status(&message)
}

/// The error a call ended with, if it did.
fn refused(headers: &HeaderMap) -> Result<(), String> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let told = text("grpc-message").unwrap_or_default();
    match text("grpc-status") {
        None | Some("0") => Ok(()),
        Some(UNIMPLEMENTED) => Err(format!(
            "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): {told}"
        )),
        Some(code) => Err(failed(format!("rpc error: code = {code} desc = {told}"))),
    }
}

async fn read(body: &mut RecvStream) -> Result<Vec<u8>, String> {
    let mut message = Vec::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk.map_err(failed)?;
        let room = body.flow_control().release_capacity(chunk.len());
        room.map_err(failed)?;
        message.extend_from_slice(&chunk);
        if message.len() > MAX_ANSWER {
            return Err(failed("the answer is too long"));
        }
    }
    Ok(message)
}

/// `HealthCheckRequest { service }` in gRPC's frame.
fn message(service: &str) -> Bytes {
    const SERVICE: u8 = 1 << 3 | 2;
    let mut fields = Vec::new();
    if !service.is_empty() {
        fields.push(SERVICE);
        varint(service.len(), &mut fields);
        fields.extend_from_slice(service.as_bytes());
    }
    let mut frame = vec![0];
    frame.extend(
        u32::try_from(fields.len())
            .unwrap_or(u32::MAX)
            .to_be_bytes(),
    );
    frame.extend(fields);
    frame.into()
}

fn varint(mut value: usize, into: &mut Vec<u8>) {
    while value > 0x7f {
        into.push(value as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

/// `HealthCheckResponse { status }`; zero, which is UNKNOWN, is not written at all.
fn status(frame: &[u8]) -> Result<u8, String> {
    const STATUS: u8 = 1 << 3;
    match frame.get(HEADER..) {
        Some([]) => Ok(0),
        Some([STATUS, status]) => Ok(*status),
        _ => Err(failed("the answer is no HealthCheckResponse")),
    }
}

#[cfg(test)]
mod tests;
