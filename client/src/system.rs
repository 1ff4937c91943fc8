//! Calls about the server itself.

use std::time::Duration;

use lifepod_proto::v1::{self as proto, system_service_client::SystemServiceClient};

use tonic::Request;

use crate::{Client, Result, call::rpc, error::decode};

impl Client {
    /// Says what the server is and what it can do.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn server_info(&self) -> Result<proto::GetServerInfoResponse> {
        let service = SystemServiceClient::new(self.channel());
        self.unary(
            proto::GetServerInfoRequest {},
            rpc!(service, get_server_info),
        )
        .await
    }

    /// Moves the time of a simulated node on by `by`, or until a revision newer than
    /// `stop_after` is committed, if that is not 0. Made once: a repetition would move it twice.
    ///
    /// # Errors
    /// When the server's time moves by itself, or the server cannot be reached.
    pub async fn advance_time(
        &self,
        by: Duration,
        stop_after: u64,
    ) -> Result<proto::AdvanceTimeResponse> {
        let mut service = SystemServiceClient::new(self.channel());
        let request = proto::AdvanceTimeRequest {
            by: prost_types::Duration::try_from(by).ok(),
            stop_after_revision: stop_after,
        };
        let mut request = Request::new(request);
        request.set_timeout(self.deadline());
        let answer = service.advance_time(request).await;
        answer
            .map(tonic::Response::into_inner)
            .map_err(|status| decode(&status))
    }
}
