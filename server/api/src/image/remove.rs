//! RemoveImage.

use lifepod_lifecycle::port::{ImageError, ImageRecord};
use lifepod_proto::v1 as proto;

use super::{
    convert::{Usage, error, references},
    require_reference,
};
use crate::{
    error::{ApiError, Result},
    shared::Shared,
};

pub(super) async fn remove(
    shared: &Shared,
    request: proto::RemoveImageRequest,
) -> Result<proto::RemoveImageResponse> {
    shared.check_open()?;
    require_reference(&request.reference)?;
    let failed = |failure: ImageError| error(failure, &request.reference);
    let record = match shared.images.get(&request.reference).await {
        Ok(record) => record,
        Err(ImageError::NotFound { .. }) if request.allow_missing => {
            return Ok(proto::RemoveImageResponse::default());
        }
        Err(failure) => return Err(failed(failure)),
    };
    if !request.force {
        check_unused(shared, &record, &request.reference)?;
    }
    for reference in wanted(&record, &request.reference) {
        match shared.images.remove(&reference).await {
            // Removing one name may have removed others with it.
            Ok(()) | Err(ImageError::NotFound { .. }) => {}
            Err(failure) => return Err(failed(failure)),
        }
    }
    let left = match shared.images.get(&record.id).await {
        Ok(left) => Some(left),
        Err(ImageError::NotFound { .. }) => None,
        Err(failure) => return Err(failed(failure)),
    };
    Ok(response(&record, left.as_ref()))
}

fn check_unused(shared: &Shared, record: &ImageRecord, reference: &str) -> Result<()> {
    let usage = Usage::now(shared);
    let users = usage.of(record);
    if users.is_empty() {
        return Ok(());
    }
    Err(ApiError::ImageInUse {
        reference: reference.to_owned(),
        message: format!(
            "image `{reference}` is used by containers: {}",
            users.join(", ")
        ),
        containers: users.to_vec(),
    })
}

/// The names to remove: the one that was given, or all of them when it is the image's id.
fn wanted(record: &ImageRecord, reference: &str) -> Vec<String> {
    let names = references(record);
    let bare = record.id.strip_prefix("sha256:").unwrap_or(&record.id);
    if !names.is_empty() && (reference == record.id || reference == bare) {
        names
    } else {
        vec![reference.to_owned()]
    }
}

fn response(before: &ImageRecord, left: Option<&ImageRecord>) -> proto::RemoveImageResponse {
    let kept = left.map(references).unwrap_or_default();
    let mut untagged = references(before);
    untagged.retain(|name| !kept.contains(name));
    let gone = left.is_none();
    proto::RemoveImageResponse {
        untagged,
        removed_id: if gone {
            before.id.clone()
        } else {
            String::new()
        },
        freed_bytes: if gone {
            i64::try_from(before.size).unwrap_or(i64::MAX)
        } else {
            0
        },
    }
}
