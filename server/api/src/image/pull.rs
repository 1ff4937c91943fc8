//! PullImage: the pull runs in a task of the server, the stream only looks at its board.
//!
//! Progress is coalesced: however often the runtime reports, the board holds one entry per
//! layer, and a client gets at most ten frames a second.

use std::{pin::Pin, sync::Arc, time::Duration};

use futures::{Stream, stream};
use lifepod_lifecycle::port::{Credentials, ImageError, ImageRecord, PullProgress};
use lifepod_proto::v1 as proto;
use parking_lot::Mutex;
use proto::{ImagePullPolicy as Policy, LayerStage, pull_image_response::Frame};
use tokio::{
    sync::{Notify, oneshot},
    time::sleep,
};
use tonic::Status;

use super::{
    convert::{Usage, error, image},
    require_reference,
};
use crate::{
    error::{ApiError, Result},
    shared::Shared,
};

const FRAME_INTERVAL: Duration = Duration::from_millis(100);

type Frames =
    Pin<Box<dyn Stream<Item = std::result::Result<proto::PullImageResponse, Status>> + Send>>;

/// Newest progress of every layer, in the order the runtime named them.
#[derive(Default)]
struct Board {
    layers: Mutex<Vec<PullProgress>>,
    changed: Notify,
}

impl Board {
    fn put(&self, progress: PullProgress) {
        let mut layers = self.layers.lock();
        match layers
            .iter_mut()
            .find(|known| known.layer == progress.layer)
        {
            Some(known) => *known = progress,
            None => layers.push(progress),
        }
        drop(layers);
        self.changed.notify_one();
    }

    fn frame(&self) -> proto::PullProgress {
        proto::PullProgress {
            layers: self.layers.lock().iter().map(layer).collect(),
        }
    }

    fn fetched(&self) -> u64 {
        self.layers
            .lock()
            .iter()
            .map(|layer| layer.downloaded)
            .sum()
    }
}

fn layer(progress: &PullProgress) -> proto::LayerProgress {
    let stage = match progress {
        PullProgress { done: true, .. } => LayerStage::Done,
        PullProgress { downloaded: 0, .. } => LayerStage::Waiting,
        p if p.total > 0 && p.downloaded >= p.total => LayerStage::Unpacking,
        _ => LayerStage::Downloading,
    };
    let bytes = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    proto::LayerProgress {
        digest: progress.layer.clone(),
        stage: stage.into(),
        done_bytes: bytes(progress.downloaded),
        total_bytes: bytes(progress.total),
    }
}

pub(super) fn pull(shared: &Arc<Shared>, request: proto::PullImageRequest) -> Result<Frames> {
    shared.check_open()?;
    require_reference(&request.reference)?;
    let board = Arc::new(Board::default());
    let (finished, result) = oneshot::channel();
    let work = run(Arc::clone(shared), request, Arc::clone(&board));
    let drain = shared.drain.clone();
    // The pull goes on when its client disappears; only the server's end ends it.
    shared.tasks.spawn(async move {
        let outcome = tokio::select! {
            biased;
            () = drain.cancelled() => Err(ApiError::Draining),
            outcome = work => outcome,
        };
        // Nobody may be there to hear it.
        let _ = finished.send(outcome);
    });
    let stream = PullStream { board, result };
    Ok(Box::pin(stream::unfold(Some(stream), PullStream::next)))
}

async fn run(
    shared: Arc<Shared>,
    request: proto::PullImageRequest,
    board: Arc<Board>,
) -> Result<proto::PullResult> {
    let reference = &request.reference;
    let present = match shared.images.get(reference).await {
        Ok(record) => Some(record),
        Err(ImageError::NotFound { .. }) => None,
        Err(failure) => return Err(error(failure, reference)),
    };
    let policy = request.policy();
    let record = match (policy, present.clone()) {
        (Policy::IfNotPresent | Policy::Never, Some(record)) => record,
        (Policy::Never, None) => {
            return Err(ApiError::ImageNotFound {
                reference: reference.clone(),
                message: format!(
                    "Container image \"{reference}\" is not present with pull policy of Never"
                ),
            });
        }
        _ => fetch(&shared, &request, &board).await?,
    };
    let same = |before: &ImageRecord| before.id == record.id;
    let already_present = present.as_ref().is_some_and(same);
    let fetched = if already_present { 0 } else { board.fetched() };
    Ok(proto::PullResult {
        image: Some(image(&record, &Usage::now(&shared))),
        already_present,
        fetched_bytes: i64::try_from(fetched).unwrap_or(i64::MAX),
    })
}

async fn fetch(
    shared: &Shared,
    request: &proto::PullImageRequest,
    board: &Arc<Board>,
) -> Result<ImageRecord> {
    let credentials = request.credentials.as_ref().map(|given| Credentials {
        username: given.username.clone(),
        password: given.password.clone(),
    });
    let board = Arc::clone(board);
    let progress = Arc::new(move |progress| board.put(progress));
    let pulled = shared
        .images
        .pull(&request.reference, credentials, progress);
    pulled
        .await
        .map_err(|failure| error(failure, &request.reference))
}

struct PullStream {
    board: Arc<Board>,
    result: oneshot::Receiver<Result<proto::PullResult>>,
}

type Step = (
    std::result::Result<proto::PullImageResponse, Status>,
    Option<PullStream>,
);

impl PullStream {
    async fn next(pull: Option<Self>) -> Option<Step> {
        let mut pull = pull?;
        let outcome = tokio::select! {
            biased;
            outcome = &mut pull.result => outcome,
            () = pull.board.changed.notified() => {
                // Whatever else is reported meanwhile goes into the same frame.
                sleep(FRAME_INTERVAL).await;
                let frame = Frame::Progress(pull.board.frame());
                return Some((Ok(response(frame)), Some(pull)));
            }
        };
        let outcome = outcome.unwrap_or(Err(ApiError::Draining));
        let last = outcome.map(|result| response(Frame::Result(result)));
        Some((last.map_err(Status::from), None))
    }
}

const fn response(frame: Frame) -> proto::PullImageResponse {
    proto::PullImageResponse { frame: Some(frame) }
}
