//! The Image service.

mod convert;
mod load;
mod pull;
mod remove;

use std::{pin::Pin, sync::Arc};

use futures::Stream;
use lifepod_lifecycle::port::{ImageError, ImageRecord};
use lifepod_proto::v1::{self as proto, image_service_server::ImageService};
use tonic::{Request, Response, Status, Streaming};

use self::convert::{Usage, error, image, references};
use crate::{
    error::{ApiError, Result},
    shared::Shared,
    token::Position,
};

const DEFAULT_PAGE: usize = 500;

/// Serves `lifepod.v1.ImageService`.
pub(crate) struct ImagesOf(pub Arc<Shared>);

type Reply<T> = std::result::Result<Response<T>, Status>;

fn reply<T>(result: Result<T>) -> Reply<T> {
    result.map(Response::new).map_err(Status::from)
}

#[tonic::async_trait]
impl ImageService for ImagesOf {
    type PullImageStream =
        Pin<Box<dyn Stream<Item = std::result::Result<proto::PullImageResponse, Status>> + Send>>;

    async fn pull_image(
        &self,
        request: Request<proto::PullImageRequest>,
    ) -> Reply<Self::PullImageStream> {
        reply(pull::pull(&self.0, request.into_inner()))
    }

    async fn load_image(
        &self,
        request: Request<Streaming<proto::LoadImageRequest>>,
    ) -> Reply<proto::LoadImageResponse> {
        reply(load::load(&self.0, request.into_inner()).await)
    }

    async fn list_images(
        &self,
        request: Request<proto::ListImagesRequest>,
    ) -> Reply<proto::ListImagesResponse> {
        reply(list(&self.0, request.into_inner()).await)
    }

    async fn get_image(
        &self,
        request: Request<proto::GetImageRequest>,
    ) -> Reply<proto::GetImageResponse> {
        reply(get(&self.0, request.get_ref()).await)
    }

    async fn remove_image(
        &self,
        request: Request<proto::RemoveImageRequest>,
    ) -> Reply<proto::RemoveImageResponse> {
        reply(remove::remove(&self.0, request.into_inner()).await)
    }
}

/// # Errors
/// `VALIDATION_FAILED` when no reference is given.
fn require_reference(reference: &str) -> Result<()> {
    if reference.is_empty() {
        let mut violations = lifepod_lifecycle::validate::Violations::default();
        violations.required("reference", "");
        return Err(ApiError::fields("the request", violations));
    }
    Ok(())
}

async fn get(shared: &Shared, request: &proto::GetImageRequest) -> Result<proto::GetImageResponse> {
    require_reference(&request.reference)?;
    let found = shared.images.get(&request.reference).await;
    let record = found.map_err(|failure| error(failure, &request.reference))?;
    Ok(proto::GetImageResponse {
        image: Some(image(&record, &Usage::now(shared))),
    })
}

async fn list(
    shared: &Shared,
    request: proto::ListImagesRequest,
) -> Result<proto::ListImagesResponse> {
    let size = crate::pod::page_size(request.page_size, DEFAULT_PAGE, crate::pod::MAX_PAGE)?;
    let filter = crate::hash::Fnv::new()
        .text("ListImages")
        .text(&request.reference);
    let filter = filter.finish().max(1);
    let offset = if request.page_token.is_empty() {
        0
    } else {
        let position = shared.tokens.read_page(&request.page_token, filter)?;
        usize::try_from(position.offset).unwrap_or(usize::MAX)
    };
    let mut records = records(shared, &request.reference).await?;
    records.sort_by_cached_key(|record| (references(record).into_iter().min(), record.id.clone()));
    let usage = Usage::now(shared);
    let page = records.iter().skip(offset).take(size);
    let images: Vec<_> = page.map(|record| image(record, &usage)).collect();
    let shown = offset + images.len();
    let next = (shown < records.len()).then(|| {
        shared.tokens.page(Position {
            revision: lifepod_lifecycle::id::Revision(0),
            offset: shown as u64,
            filter,
        })
    });
    Ok(proto::ListImagesResponse {
        images,
        next_page_token: next.unwrap_or_default(),
    })
}

async fn records(shared: &Shared, reference: &str) -> Result<Vec<ImageRecord>> {
    let found = if reference.is_empty() {
        shared.images.list().await
    } else {
        match shared.images.get(reference).await {
            Ok(record) => Ok(vec![record]),
            Err(ImageError::NotFound { .. }) => Ok(Vec::new()),
            Err(other) => Err(other),
        }
    };
    found.map_err(|failure| error(failure, reference))
}
