//! The frames of one watch, made one at a time.

use std::{sync::Arc, vec};

use futures::Stream;
use lifepod_engine::Cursor;
use lifepod_lifecycle::{Pod, id::Revision, port::Record};
use lifepod_proto::v1::{self as proto, ChangeKind};
use proto::watch_pods_response::Frame;
use tokio::time::{Duration, Instant, sleep_until};
use tonic::Status;

use super::Membership;
use crate::{
    convert::{
        meta::{View, reference},
        time, transition,
    },
    error::{ApiError, Result},
    selector::Selector,
    shared::Shared,
};

/// How far the fixed beginning of a watch is.
pub(super) enum Stage {
    Started(Option<vec::IntoIter<Arc<Pod>>>),
    Snapshot(vec::IntoIter<Arc<Pod>>),
    /// Sending changes; progress is due as soon as nothing more is to come.
    CatchingUp,
    Live,
}

impl Stage {
    pub(super) fn begin(snapshot: Option<Vec<Arc<Pod>>>) -> Self {
        Self::Started(snapshot.map(Vec::into_iter))
    }
}

pub(super) struct Watch {
    shared: Arc<Shared>,
    selector: Arc<Selector>,
    filter: u64,
    membership: Membership,
    cursor: Cursor,
    view: View,
    interval: Duration,
    last_frame: Instant,
    stage: Stage,
}

/// What a watch waits for.
enum Woken {
    Record(Arc<Record>),
    Silence,
}

impl Watch {
    pub(super) fn new(
        shared: Arc<Shared>,
        selector: Arc<Selector>,
        membership: Membership,
        cursor: Cursor,
        view: View,
        interval: Duration,
        stage: Stage,
    ) -> Self {
        Self {
            filter: selector.hash(),
            shared,
            selector,
            membership,
            cursor,
            view,
            interval,
            last_frame: Instant::now(),
            stage,
        }
    }

    /// The frames, until the first error.
    pub(super) fn into_stream(
        self,
    ) -> impl Stream<Item = std::result::Result<proto::WatchPodsResponse, Status>> + Send {
        futures::stream::unfold(Some(self), |watch| async {
            let mut watch = watch?;
            match watch.next().await {
                Ok(frame) => {
                    watch.last_frame = Instant::now();
                    let response = proto::WatchPodsResponse { frame: Some(frame) };
                    Some((Ok(response), Some(watch)))
                }
                Err(error) => Some((Err(error.into()), None)),
            }
        })
    }

    async fn next(&mut self) -> Result<Frame> {
        match &mut self.stage {
            Stage::Started(snapshot) => {
                self.stage = match snapshot.take() {
                    Some(pods) => Stage::Snapshot(pods),
                    None => Stage::CatchingUp,
                };
                Ok(self.started())
            }
            Stage::Snapshot(pods) => {
                if let Some(pod) = pods.next() {
                    let pod = Some(self.shared.face.pod(&pod, self.view));
                    return Ok(Frame::SnapshotPod(proto::SnapshotPod { pod }));
                }
                self.stage = Stage::CatchingUp;
                let revision = self.cursor.position();
                Ok(Frame::SnapshotDone(proto::SnapshotDone {
                    revision: revision.0,
                    resume_token: self.token(revision),
                }))
            }
            Stage::CatchingUp | Stage::Live => self.change().await,
        }
    }

    /// The next change, or progress when there is none for long.
    async fn change(&mut self) -> Result<Frame> {
        loop {
            if matches!(self.stage, Stage::CatchingUp) && self.cursor.caught_up() {
                self.stage = Stage::Live;
                return Ok(self.progress());
            }
            match self.wait().await? {
                Woken::Silence => return Ok(self.progress()),
                Woken::Record(record) if !record.is_visible() => {}
                Woken::Record(record) => {
                    if let Some(kind) = self.membership.judge(&self.shared, &record).await? {
                        return Ok(self.frame(&record, kind));
                    }
                }
            }
        }
    }

    async fn wait(&mut self) -> Result<Woken> {
        let silence = self.last_frame + self.interval;
        tokio::select! {
            biased;
            () = self.shared.drain.cancelled() => Err(ApiError::Draining),
            next = self.cursor.next() => match next {
                Ok(record) => Ok(Woken::Record(record)),
                Err(end) => Err(ApiError::of_watch(end, self.cursor.position())),
            },
            () = sleep_until(silence) => Ok(Woken::Silence),
        }
    }

    fn token(&self, revision: Revision) -> String {
        self.shared.tokens.resume(revision, self.filter)
    }

    fn started(&self) -> Frame {
        Frame::Started(proto::WatchStarted {
            epoch: self.shared.engine.epoch().to_owned(),
            revision: self.cursor.position().0,
            oldest_revision: self.shared.oldest_revision().0,
            selector: Some(self.selector.to_proto()),
            view: self.view.into(),
            progress_interval: Some(time::duration(self.interval)),
        })
    }

    fn progress(&self) -> Frame {
        let revision = self.cursor.position();
        Frame::Progress(proto::WatchProgress {
            revision: revision.0,
            resume_token: self.token(revision),
        })
    }

    fn frame(&self, record: &Record, kind: ChangeKind) -> Frame {
        let carries_pod = self.view != View::TransitionsOnly;
        Frame::Change(proto::PodChange {
            revision: record.revision.0,
            kind: kind.into(),
            pod_ref: Some(reference(&record.pod)),
            transitions: transition::all(record),
            pod: carries_pod.then(|| self.shared.face.pod(&record.pod, self.view)),
            resume_token: self.token(record.revision),
            committed_at: Some(time::exact(record.committed_at)),
            previous_revision: record.previous.0,
        })
    }
}
