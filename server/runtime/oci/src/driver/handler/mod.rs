//! Hooks and probes: what they do, and what the outcome means (spec §5, §6).
//!
//! ```text
//! exec      in the container, through the shim; whoever loses interest kills its process group
//! httpGet   ┐
//! tcpSocket ├ from the host, to the pod's address
//! grpc      ┘
//! sleep     a timer
//! ```
//! A probe is bounded by its time limit, and running out of it is a failure; a hook is bounded by
//! whoever asked for it. Dropping either ends it.

mod exec;
mod grpc;
mod http;
mod target;
mod tcp;

use std::{sync::Arc, time::Duration};

use lifepod_lifecycle::{effect::PodRef, input::Outcome, spec::Handler};

use super::Inner;
pub(super) use http::HttpClient;
use target::Target;

/// What of an answer or an output is kept.
const OUTPUT_LIMIT: usize = 10 * 1024;

/// The instance a handler is for.
#[derive(Clone, Copy)]
pub(super) struct Of<'a> {
    pub(super) pod: &'a PodRef,
    pub(super) container: &'a str,
    pub(super) container_id: &'a str,
}

/// Runs a hook to its end.
pub(super) async fn hook(inner: &Arc<Inner>, of: Of<'_>, handler: &Handler) -> Outcome {
    match handler {
        Handler::Exec { command } => exec::hook(inner, of, command).await,
        Handler::HttpGet(get) => match Target::of_http(inner, of, get) {
            Ok(target) => http::hook(&inner.http, &target, get).await,
            Err(message) => Outcome::Error { message },
        },
        Handler::Sleep { seconds } => {
            tokio::time::sleep(Duration::from_secs(*seconds)).await;
            Outcome::Success
        }
        // Accepted by validation, and never implemented by any kubelet.
        Handler::TcpSocket { .. } | Handler::Grpc { .. } => Outcome::Error {
            message: "Cannot run handler: invalid handler: tcpSocket".to_owned(),
        },
    }
}

/// Runs one attempt of a probe.
pub(super) async fn probe(
    inner: &Arc<Inner>,
    of: Of<'_>,
    handler: &Handler,
    limit: Duration,
) -> Outcome {
    match handler {
        Handler::Exec { command } => exec::probe(inner, of, command, limit).await,
        Handler::HttpGet(get) => match Target::of_http(inner, of, get) {
            Ok(target) => http::probe(&inner.http, &target, get, limit).await,
            Err(message) => Outcome::Error { message },
        },
        Handler::TcpSocket { host, port } => match Target::of(inner, of, host.as_deref(), port) {
            Ok(target) => tcp::probe(&target, limit).await,
            Err(message) => Outcome::Error { message },
        },
        Handler::Grpc { port, service } => {
            let target = Target::of(inner, of, None, &(*port).into());
            match target {
                Ok(target) => grpc::probe(&target, service, limit).await,
                Err(message) => Outcome::Error { message },
            }
        }
        Handler::Sleep { .. } => Outcome::Error {
            message: "missing probe handler".to_owned(),
        },
    }
}
