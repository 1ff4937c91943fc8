//! Calls about the server itself.

use lifepod_proto::v1::{self as proto, system_service_client::SystemServiceClient};

use crate::{Client, Result};

impl Client {
    /// Says what the server is and what it can do.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn server_info(&self) -> Result<proto::GetServerInfoResponse> {
        let mut service = SystemServiceClient::new(self.channel());
        self.unary(proto::GetServerInfoRequest {}, async |request| {
            service.get_server_info(request).await
        })
        .await
    }
}
