//! One call: its deadline, its repetitions, its errors.

use std::time::Duration;

use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    Client, Result,
    error::{Again, decode},
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

/// A mutation, which is repeated only if the server can tell the repetition from another one.
pub(crate) trait Mutation: Clone {
    fn request_id(&self) -> &str;
}

macro_rules! mutations {
    ($($request:ident)*) => {
        $(impl Mutation for lifepod_proto::v1::$request {
            fn request_id(&self) -> &str {
                &self.request_id
            }
        })*
    };
}

mutations!(CreatePodRequest UpdatePodRequest DeletePodRequest);

impl Client {
    /// Makes a mutation, and repeats it while that may help; never one without a request id.
    pub(crate) async fn mutate<Req, Resp, Answer>(
        &self,
        message: Req,
        call: impl Fn(Request<Req>) -> Answer,
    ) -> Result<Resp>
    where
        Req: Mutation,
        Answer: Future<Output = Result<Response<Resp>, Status>>,
    {
        if message.request_id().is_empty() {
            return self.once(message, call).await;
        }
        self.unary(message, call).await
    }

    /// Makes a call that a server cannot tell from its repetition.
    pub(crate) async fn once<Req, Resp, Answer>(
        &self,
        message: Req,
        call: impl Fn(Request<Req>) -> Answer,
    ) -> Result<Resp>
    where
        Answer: Future<Output = Result<Response<Resp>, Status>>,
    {
        let mut request = Request::new(message);
        request.set_timeout(self.deadline());
        let answer = call(request).await;
        answer
            .map(Response::into_inner)
            .map_err(|status| decode(&status))
    }

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
            let again = Again::after(&error);
            if again == Again::Never || attempt >= self.retry().max_attempts {
                return Err(error);
            }
            tokio::time::sleep(again.pause(self.retry(), attempt)).await;
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
