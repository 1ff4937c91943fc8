//! The response of WatchPods: its frames are bytes already, so no codec stands between.
//!
//! The generated service encodes each message for each stream and keeps a buffer for it. Here a
//! stream holds nothing but its position; what is sent is shared.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::{StreamExt as _, future::BoxFuture};
use http::{HeaderMap, HeaderValue, Request, Response, header::CONTENT_TYPE};
use http_body::Frame;
use http_body_util::StreamBody;
use lifepod_proto::v1::{self as proto, pod_service_server::PodServiceServer};
use tonic::{Status, Streaming, body::Body, codec::Codec as _, server::NamedService};
use tonic_prost::ProstCodec;
use tower::Service;

use super::{super::Pods, open};
use crate::{error::ApiError, shared::Shared};

const PATH: &str = "/lifepod.v1.PodService/WatchPods";

/// The Pod service, with a way of its own for watches.
#[derive(Clone)]
pub(crate) struct PodRoutes {
    others: PodServiceServer<Pods>,
    shared: Arc<Shared>,
}

impl PodRoutes {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        let bound = shared.config.limits.message_bytes;
        let others = PodServiceServer::new(Pods(Arc::clone(shared)));
        Self {
            others: others.max_decoding_message_size(bound),
            shared: Arc::clone(shared),
        }
    }
}

impl NamedService for PodRoutes {
    const NAME: &'static str = <PodServiceServer<Pods> as NamedService>::NAME;
}

impl Service<Request<Body>> for PodRoutes {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request<Body>>::poll_ready(&mut self.others, cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if request.uri().path() != PATH {
            return self.others.call(request);
        }
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let answer = watch(shared, request.into_body()).await;
            Ok(answer.unwrap_or_else(Status::into_http))
        })
    }
}

async fn watch(shared: Arc<Shared>, body: Body) -> Result<Response<Body>, Status> {
    let bound = Some(shared.config.limits.message_bytes);
    let mut codec = ProstCodec::<proto::WatchPodsResponse, proto::WatchPodsRequest>::default();
    let mut messages = Streaming::new_request(codec.decoder(), body, None, bound);
    let missing = || Status::from(ApiError::internal("WatchPods", &"no request message"));
    let request = messages.message().await?.ok_or_else(missing)?;
    let frames = open(&shared, &request)?.map(frame);
    let mut response = Response::new(Body::new(StreamBody::new(frames)));
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(CONTENT_TYPE, grpc);
    Ok(response)
}

/// A frame of the body. The error that ends a watch is its status, which goes into the trailers.
fn frame(next: Result<Bytes, Status>) -> Result<Frame<Bytes>, Status> {
    let status = match next {
        Ok(bytes) => return Ok(Frame::data(bytes)),
        Err(status) => status,
    };
    let mut trailers = HeaderMap::new();
    status.add_header(&mut trailers)?;
    Ok(Frame::trailers(trailers))
}
