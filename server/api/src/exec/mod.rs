//! The Exec service.
//!
//! ```text
//!  client ──frames──► inbound ──► stdin queue ─► writer ─► fd ┐
//!                        └──► control (resize, signal)        │  Session
//!  client ◄─frames── attachment ◄── tapes ◄── pumps ◄──── fds ┘  (owned by a supervisor task)
//! ```
//! A session belongs to the server, not to the connection: a client attaches to it, and what
//! happens when the last client has gone is the session's policy. Output is bounded by what
//! attached clients have not read yet, or by what is kept for one that may come back.

mod attachment;
mod inbound;
mod pump;
mod registry;
mod session;
mod start;
mod supervise;
mod tape;
pub(crate) mod target;

use std::{pin::Pin, sync::Arc, time::Duration};

use futures::Stream;
use lifepod_proto::v1::{self as proto, exec_service_server::ExecService};
use proto::exec_request::Frame;
use tokio::time::timeout;
use tonic::{Request, Response, Status, Streaming};

pub(crate) use self::registry::Registry;
use crate::{
    error::{ApiError, Result, foreign},
    shared::Shared,
};

/// Full name of the one call.
const RPC: &str = "lifepod.v1.ExecService/Exec";
/// How long a client may take to say what it wants.
const FIRST_FRAME: Duration = Duration::from_secs(10);

type Frames = Pin<Box<dyn Stream<Item = std::result::Result<proto::ExecResponse, Status>> + Send>>;

/// Serves `lifepod.v1.ExecService`.
pub(crate) struct Execs(pub Arc<Shared>);

#[tonic::async_trait]
impl ExecService for Execs {
    type ExecStream = Frames;

    async fn exec(
        &self,
        request: Request<Streaming<proto::ExecRequest>>,
    ) -> std::result::Result<Response<Frames>, Status> {
        let frames = open(&self.0, request.into_inner()).await?;
        Ok(Response::new(frames))
    }
}

async fn open(shared: &Arc<Shared>, mut frames: Streaming<proto::ExecRequest>) -> Result<Frames> {
    shared.check_open()?;
    let first = timeout(FIRST_FRAME, frames.message()).await;
    let first = first.map_err(|_| invalid("the first frame did not come"))?;
    let limit = shared.config.limits.message_bytes;
    let first = first.map_err(|status| foreign(&status, RPC, limit))?;
    match first.and_then(|request| request.frame) {
        Some(Frame::Start(start)) => start::start(shared, start, frames).await,
        Some(Frame::Attach(attach)) => start::attach(shared, attach, frames).await,
        _ => Err(invalid("the first frame must be `start` or `attach`")),
    }
}

const fn invalid(detail: &'static str) -> ApiError {
    ApiError::FrameInvalid { detail }
}
