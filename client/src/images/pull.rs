//! Pulling images.

use lifepod_proto::v1::{self as proto, pull_image_response::Frame};
use tonic::{Request, Streaming};

use super::Images;
use crate::{Error, Result, call::request_id, error::decode};

/// A pull under way. The server goes on with it when this is dropped.
#[derive(Debug)]
pub struct Pull {
    stream: Streaming<proto::PullImageResponse>,
}

/// What a pull tells.
#[derive(Clone, Debug, PartialEq)]
pub enum PullEvent {
    /// How far it is, layer by layer.
    Progress(proto::PullProgress),
    /// The image is there.
    Done(Box<proto::PullResult>),
}

impl Images {
    /// Pulls an image.
    ///
    /// # Errors
    /// `IMAGE_REFERENCE_INVALID`; everything else comes from [`Pull::next`].
    pub async fn pull(&self, reference: &str) -> Result<Pull> {
        self.pull_with(proto::PullImageRequest {
            reference: reference.to_owned(),
            ..Default::default()
        })
        .await
    }

    /// Pulls an image by a whole request, for credentials or a policy.
    ///
    /// # Errors
    /// As [`Images::pull`].
    pub async fn pull_with(&self, mut request: proto::PullImageRequest) -> Result<Pull> {
        if request.request_id.is_empty() {
            request.request_id = request_id();
        }
        let response = self.service().pull_image(Request::new(request)).await;
        let stream = response.map_err(|status| decode(&status))?.into_inner();
        Ok(Pull { stream })
    }
}

impl Pull {
    /// The next event; the last is [`PullEvent::Done`].
    ///
    /// # Errors
    /// `IMAGE_NOT_FOUND`, `REGISTRY_DENIED`, `REGISTRY_UNAVAILABLE`; [`Error::Unreachable`] when the connection broke.
    pub async fn next(&mut self) -> Result<PullEvent> {
        loop {
            let message = self.stream.message().await;
            match message.map_err(|status| decode(&status))? {
                Some(message) => match message.frame {
                    Some(Frame::Progress(progress)) => return Ok(PullEvent::Progress(progress)),
                    Some(Frame::Result(result)) => return Ok(PullEvent::Done(Box::new(result))),
                    None => {}
                },
                None => {
                    return Err(Error::Protocol {
                        detail: "PullImage ended without a result",
                    });
                }
            }
        }
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// As [`Pull::next`].
    pub async fn finish(mut self) -> Result<proto::PullResult> {
        loop {
            if let PullEvent::Done(result) = self.next().await? {
                return Ok(*result);
            }
        }
    }
}
