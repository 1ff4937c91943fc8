//! One call: its deadline, its repetitions, its errors.

use std::time::Duration;

use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    Client, Result,
    error::{decode, is_transient},
};

/// A fresh request id.
pub(crate) fn request_id() -> String {
    Uuid::new_v4().to_string()
}

/// Keeps a request id the caller chose, makes one otherwise.
pub(crate) fn ensure_request_id(slot: &mut String) {
    if slot.is_empty() {
        *slot = request_id();
    }
}

impl Client {
    /// Makes a unary call, and repeats it while that may help. The same message, and so the same request id, is sent
    /// every time.
    pub(crate) async fn unary<Req, Resp, Answer>(
        &self,
        message: Req,
        call: impl Fn(Request<Req>) -> Answer,
    ) -> Result<Resp>
    where
        Req: Clone,
        Answer: Future<Output = Result<Response<Resp>, Status>>,
    {
        self.unary_within(self.deadline(), message, call).await
    }

    /// As [`Client::unary`], with a deadline of its own.
    pub(crate) async fn unary_within<Req, Resp, Answer>(
        &self,
        deadline: Duration,
        message: Req,
        call: impl Fn(Request<Req>) -> Answer,
    ) -> Result<Resp>
    where
        Req: Clone,
        Answer: Future<Output = Result<Response<Resp>, Status>>,
    {
        let mut attempt = 1;
        loop {
            let mut request = Request::new(message.clone());
            request.set_timeout(deadline);
            let error = match call(request).await {
                Ok(response) => return Ok(response.into_inner()),
                Err(status) => decode(&status),
            };
            if !is_transient(&error) || attempt >= self.retry().max_attempts {
                return Err(error);
            }
            let asked = error.api().and_then(|error| error.retry_after);
            let pause = self.retry().pause(attempt);
            tokio::time::sleep(asked.map_or(pause, |asked| asked.min(self.retry().max))).await;
            attempt += 1;
        }
    }
}

/// One call of a generated client, to be made any number of times. Each future owns its client: one that borrows it
/// cannot be proved `Send`, and callers could not spawn theirs.
macro_rules! rpc {
    ($service:expr, $method:ident) => {
        |request| {
            let mut service = $service.clone();
            async move { service.$method(request).await }
        }
    };
}
pub(crate) use rpc;
