//! Images on the server's machine.

mod load;
mod pull;

use lifepod_proto::v1::{self as proto, image_service_client::ImageServiceClient};
use tonic::transport::Channel;

use crate::{
    Client, Error, Result,
    call::{request_id, rpc},
    connect::sized,
};

pub use pull::{Pull, PullEvent};

/// The images on the server's machine, from [`Client::images`].
#[derive(Clone, Debug)]
pub struct Images {
    client: Client,
}

impl Images {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Lists images, by reference. All pages are fetched.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn list(&self) -> Result<Vec<proto::Image>> {
        let mut request = proto::ListImagesRequest::default();
        let mut images = Vec::new();
        let service = self.service();
        loop {
            let call = rpc!(service, list_images);
            let page = self.client.unary(request.clone(), call).await?;
            images.extend(page.images);
            if page.next_page_token.is_empty() {
                return Ok(images);
            }
            request.page_token = page.next_page_token;
        }
    }

    /// Reads one image, by reference or id.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is none.
    pub async fn get(&self, reference: &str) -> Result<proto::Image> {
        let request = proto::GetImageRequest {
            reference: reference.to_owned(),
        };
        let service = self.service();
        let call = rpc!(service, get_image);
        let response = self.client.unary(request, call).await?;
        response.image.ok_or(Error::Protocol {
            detail: "GetImage answered without an image",
        })
    }

    /// Removes a reference, and the image with its last one. Asked for once: a server does not remember removals, and
    /// would answer a repetition that there is no such image.
    ///
    /// # Errors
    /// `IMAGE_IN_USE` while containers use it, unless `force`.
    pub async fn remove(&self, reference: &str, force: bool) -> Result<proto::RemoveImageResponse> {
        let request = proto::RemoveImageRequest {
            reference: reference.to_owned(),
            force,
            allow_missing: false,
            request_id: request_id(),
        };
        let service = self.service();
        let call = rpc!(service, remove_image);
        self.client.once(request, call).await
    }

    fn service(&self) -> ImageServiceClient<Channel> {
        sized!(ImageServiceClient::new(self.client.channel()))
    }
}
