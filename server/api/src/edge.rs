//! What every call passes: a bound on calls in flight, a span, and the promise that every
//! failure carries exactly one ErrorInfo, also one that the gRPC library made by itself.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use tonic::{Status, body::Body};
use tower::{Layer, Service};
use tracing::Instrument;

use crate::{
    calls::Calls,
    config::Limits,
    error::{ApiError, foreign},
    identity::client,
    served::is_refused,
};

const STATUS: &str = "grpc-status";
const DETAILS: &str = "grpc-status-details-bin";

/// Bounds of the edge.
#[derive(Clone, Debug)]
pub struct EdgeLayer {
    calls: Arc<Calls>,
    message_bytes: usize,
}

impl EdgeLayer {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            calls: Arc::new(Calls::new(limits.in_flight, limits.calls_per_client)),
            message_bytes: limits.message_bytes,
        }
    }
}

impl<S> Layer<S> for EdgeLayer {
    type Service = Edge<S>;

    fn layer(&self, inner: S) -> Edge<S> {
        Edge {
            inner,
            layer: self.clone(),
        }
    }
}

/// A service behind the edge.
#[derive(Clone, Debug)]
pub struct Edge<S> {
    inner: S,
    layer: EdgeLayer,
}

impl<S> Service<Request<Body>> for Edge<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let rpc = request.uri().path().trim_start_matches('/').to_owned();
        if is_refused(&rpc) {
            return refuse(ApiError::NotServed { rpc });
        }
        let permit = match self.layer.calls.begin(client(request.extensions())) {
            Ok(permit) => permit,
            Err(limit) => return refuse(ApiError::StreamLimitReached { limit }),
        };
        let span = tracing::info_span!("rpc", %rpc);
        let limit = self.layer.message_bytes;
        let answer = self.inner.call(request).instrument(span);
        Box::pin(async move {
            let response = explain(answer.await?, &rpc, limit);
            // Until its body is done with, a call is in flight.
            let hold = move |frame| {
                let _held = &permit;
                frame
            };
            Ok(response.map(|body| Body::new(body.map_frame(hold))))
        })
    }
}

fn refuse<E: Send + 'static>(error: ApiError) -> BoxFuture<'static, Result<Response<Body>, E>> {
    let response = Status::from(error).into_http();
    Box::pin(std::future::ready(Ok(response)))
}

/// Gives a failure that has no details the ErrorInfo that fits it.
fn explain(response: Response<Body>, rpc: &str, message_limit: usize) -> Response<Body> {
    let headers = response.headers();
    let failed = headers.get(STATUS).is_some_and(|code| code != "0");
    if !failed || headers.contains_key(DETAILS) {
        return response;
    }
    match Status::from_header_map(headers) {
        Some(status) => Status::from(foreign(&status, rpc, message_limit)).into_http(),
        None => response,
    }
}
