//! ListPods: pages of one consistent cut.

use std::sync::Arc;

use lifepod_engine::Snapshot;
use lifepod_lifecycle::{Pod, id::Revision, validate::Violations};
use lifepod_proto::v1 as proto;
use prost::Message;

use super::past::snapshot_at;
use crate::{
    convert::meta::view,
    error::{ApiError, Result},
    hash::Fnv,
    selector::Selector,
    shared::Shared,
    token::Position,
};

const DEFAULT_PAGE: usize = 500;
/// Most bytes of a page: half of what clients accept unless told otherwise.
pub(super) const PAGE_BYTES: usize = 2 << 20;
/// Largest page.
pub(crate) const MAX_PAGE: i32 = 1000;

pub(super) async fn list(
    shared: &Shared,
    mut request: proto::ListPodsRequest,
) -> Result<proto::ListPodsResponse> {
    let size = page_size(request.page_size, DEFAULT_PAGE, MAX_PAGE)?;
    let selector = Selector::parse(request.selector.as_ref())?;
    let view = view(request.view);
    let token = std::mem::take(&mut request.page_token);
    request.page_size = 0;
    let filter = filter_of("ListPods", &request);
    let (snapshot, offset) = match Revision(request.revision) {
        given if token.is_empty() && given.0 != 0 => (snapshot_at(shared, given).await?, 0),
        _ => cut(shared, &token, filter).await?,
    };

    let selected: Vec<&Arc<Pod>> = snapshot
        .pods
        .iter()
        .filter(|pod| selector.matches(pod))
        .collect();
    let page = selected.iter().skip(offset).take(size);
    let pods = within_bounds(page.map(|pod| shared.face.pod(pod, view)));
    let shown = offset + pods.len();
    let more = shown < selected.len();
    Ok(proto::ListPodsResponse {
        pods,
        next_page_token: if more {
            next_page(shared, &snapshot, shown, filter)
        } else {
            String::new()
        },
        revision: snapshot.revision.0,
        resume_token: shared.tokens.resume(snapshot.revision, selector.hash()),
    })
}

/// As many items as fit into one message, at least one.
fn within_bounds<T: Message>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut bytes = 0;
    let mut page = Vec::new();
    for item in items {
        bytes += item.encoded_len();
        if bytes > PAGE_BYTES && !page.is_empty() {
            break;
        }
        page.push(item);
    }
    page
}

/// The size of a page that a request asks for.
///
/// # Errors
/// `VALIDATION_FAILED` when it is negative.
pub(crate) fn page_size(given: i32, default: usize, limit: i32) -> Result<usize> {
    match usize::try_from(given.min(limit)) {
        Ok(0) => Ok(default),
        Ok(size) => Ok(size),
        Err(_) => {
            let mut violations = Violations::default();
            violations.invalid("pageSize", given, "must be greater than or equal to 0");
            Err(ApiError::fields("the request", violations))
        }
    }
}

/// Hash of everything in a request that must stay the same from page to page.
pub(super) fn filter_of(rpc: &str, request: &impl Message) -> u64 {
    let hash = Fnv::new().text(rpc).bytes(&request.encode_to_vec());
    hash.finish().max(1)
}

/// The cut a page shows, and how much of it earlier pages showed.
///
/// # Errors
/// `REVISION_EXPIRED` when neither the cut nor the history to make it again is kept.
pub(super) async fn cut(
    shared: &Shared,
    token: &str,
    filter: u64,
) -> Result<(Arc<Snapshot>, usize)> {
    if token.is_empty() {
        return Ok((Arc::new(shared.engine.snapshot()), 0));
    }
    let position = shared.tokens.read_page(token, filter)?;
    let offset = usize::try_from(position.offset).unwrap_or(usize::MAX);
    match shared.cuts.find(position.revision) {
        Some(kept) => Ok((kept, offset)),
        None => Ok((snapshot_at(shared, position.revision).await?, offset)),
    }
}

/// Keeps the cut and makes the token for its next page.
pub(super) fn next_page(
    shared: &Shared,
    snapshot: &Arc<Snapshot>,
    shown: usize,
    filter: u64,
) -> String {
    let present = || shared.engine.snapshot();
    shared.cuts.keep(Arc::clone(snapshot), present);
    shared.tokens.page(Position {
        revision: snapshot.revision,
        offset: shown as u64,
        filter,
    })
}
