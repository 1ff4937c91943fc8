//! The Log service: reads the CRI log files that the shims write.
//!
//! ```text
//! choose instance ─► file ─► lines from a place ─► filters ─► messages of at most 256 KiB
//!                              ▲ at the end: wait for the file or the pod to change,
//!                              └─ until the instance has ended and everything was read
//! ```

mod choose;
mod cri;
mod file;
mod filter;
mod follow;
mod position;
mod stream;
mod tail;

use std::{pin::Pin, sync::Arc};

use futures::Stream;
use lifepod_lifecycle::{time::Timestamp, validate::Violations};
use lifepod_proto::v1::{self as proto, log_service_server::LogService};
use tonic::{Request, Response, Status};

use self::{filter::Filter, position::Place, stream::Reader};
use crate::{
    convert::time::{from_wire, now},
    error::{ApiError, Result},
    exec::target::pod_of,
    shared::Shared,
};

type Frames =
    Pin<Box<dyn Stream<Item = std::result::Result<proto::ReadLogsResponse, Status>> + Send>>;

/// Serves `lifepod.v1.LogService`.
pub(crate) struct Logs(pub Arc<Shared>);

#[tonic::async_trait]
impl LogService for Logs {
    type ReadLogsStream = Frames;

    async fn read_logs(
        &self,
        request: Request<proto::ReadLogsRequest>,
    ) -> std::result::Result<Response<Frames>, Status> {
        let frames = read(&self.0, request.into_inner()).await?;
        Ok(Response::new(frames))
    }
}

async fn read(shared: &Arc<Shared>, request: proto::ReadLogsRequest) -> Result<Frames> {
    shared.check_open()?;
    let since = check(&request)?;
    let (pod, named) = pod_of(shared, request.target.as_ref())?;
    let resumed = Place::parse(&request.resume_position)?;
    let mut instance = choose::instance(&pod, &named, request.previous)?;
    if let Some(place) = &resumed {
        instance.attempt = place.attempt;
    }
    let filter = Filter {
        since: since.filter(|_| resumed.is_none()),
        stream: request.stream(),
        timestamps: request.timestamps,
        limit: request
            .limit_bytes
            .and_then(|limit| usize::try_from(limit).ok()),
    };
    let tail = request.tail_lines.filter(|_| resumed.is_none());
    let reader = Reader::open(shared, instance, resumed, tail, filter, request.follow).await?;
    Ok(Box::pin(reader.into_stream()))
}

/// Checks the options; answers since when entries are wanted.
fn check(request: &proto::ReadLogsRequest) -> Result<Option<Timestamp>> {
    let mut v = Violations::default();
    if request.since_seconds.is_some() && request.since_time.is_some() {
        let detail = "at most one of `sinceTime` or `sinceSeconds` may be specified";
        v.forbidden("sinceTime", detail);
    }
    for (field, value, least) in [
        ("sinceSeconds", request.since_seconds, 1),
        ("tailLines", request.tail_lines, 0),
        ("limitBytes", request.limit_bytes, 1),
    ] {
        if let Some(value) = value.filter(|value| *value < least) {
            let detail = format!("must be greater than or equal to {least}");
            v.invalid(field, value, &detail);
        }
    }
    if !v.is_empty() {
        return Err(ApiError::fields("ReadLogsRequest", v));
    }
    let seconds = request.since_seconds.unwrap_or_default();
    let ago = Timestamp(
        now()
            .0
            .saturating_sub(seconds.saturating_mul(1_000_000_000)),
    );
    let relative = request.since_seconds.map(|_| ago);
    Ok(request.since_time.as_ref().map(from_wire).or(relative))
}
