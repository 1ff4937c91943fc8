//! `tcpSocket`: whether a connection can be opened.

use std::{io, time::Duration};

use lifepod_lifecycle::input::Outcome;
use tokio::{net::TcpStream, time::timeout};

use super::target::Target;

pub(super) async fn probe(target: &Target, limit: Duration) -> Outcome {
    let address = target.authority();
    match timeout(limit, TcpStream::connect(&address)).await {
        Ok(Ok(_)) => Outcome::Success,
        Ok(Err(error)) => Outcome::Failure {
            message: format!("dial tcp {address}: connect: {}", reason(&error)),
        },
        Err(_) => Outcome::Failure {
            message: format!("dial tcp {address}: i/o timeout"),
        },
    }
}

/// The kernel's words for an error, without Rust's number of it.
pub(super) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::ConnectionReset => "connection reset by peer".to_owned(),
        io::ErrorKind::HostUnreachable => "no route to host".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn an_open_port_is_alive_and_a_closed_one_is_refused() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let target = Target {
            host: "127.0.0.1".to_owned(),
            port,
        };
        let limit = Duration::from_secs(5);
        assert_eq!(probe(&target, limit).await, Outcome::Success);
        drop(listener);
        let message = format!("dial tcp 127.0.0.1:{port}: connect: connection refused");
        assert_eq!(probe(&target, limit).await, Outcome::Failure { message });
    }
}
