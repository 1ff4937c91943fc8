//! ListPodEvents.

use lifepod_lifecycle::Pod;
use lifepod_proto::v1 as proto;

use super::list::{MAX_PAGE, cut, filter_of, next_page, page_size};
use crate::{convert::event, error::Result, selector::Selector, shared::Shared};

const DEFAULT_PAGE: usize = 500;

pub(super) async fn list(
    shared: &Shared,
    mut request: proto::ListPodEventsRequest,
) -> Result<proto::ListPodEventsResponse> {
    let size = page_size(request.page_size, DEFAULT_PAGE, MAX_PAGE)?;
    let selector = Selector::parse_identity(request.selector.as_ref())?;
    let token = std::mem::take(&mut request.page_token);
    request.page_size = 0;
    let filter = filter_of("ListPodEvents", &request);
    let (snapshot, offset) = cut(shared, &token, filter).await?;

    let wanted = |pod: &Pod| selector.matches(pod);
    let pods = snapshot.pods.iter().filter(|pod| wanted(pod));
    let mut events: Vec<proto::Event> = pods
        .flat_map(|pod| event::all(pod))
        .filter(|event| request.types.is_empty() || request.types.contains(&event.r#type))
        .collect();
    events.sort_by_key(|event| {
        let last = event.last_timestamp.as_ref();
        last.map(|at| (at.seconds, at.nanos))
    });
    let total = events.len();
    let page: Vec<_> = events.into_iter().skip(offset).take(size).collect();
    let shown = offset + page.len();
    Ok(proto::ListPodEventsResponse {
        events: page,
        next_page_token: if shown < total {
            next_page(shared, &snapshot, shown, filter)
        } else {
            String::new()
        },
    })
}
