//! Calls about the server itself.

use lifepod_proto::v1::{self as proto, system_service_client::SystemServiceClient};

use crate::{Client, Result, call::rpc};

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
}
