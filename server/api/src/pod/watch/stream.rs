//! One watch: its frames, made or taken one at a time.

use std::{pin::Pin, sync::Arc, vec};

use bytes::Bytes;
use futures::Stream;
use lifepod_engine::Cursor;
use lifepod_lifecycle::{Pod, id::Revision};
use lifepod_proto::v1 as proto;
use proto::watch_pods_response::Frame;
use tokio::time::{Duration, Instant, Sleep, sleep_until};
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::Status;

use super::{
    Membership,
    channel::{Channel, Next},
    frame::encode,
};
use crate::{
    convert::time,
    error::{ApiError, Result},
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

/// Frames as bytes, one or more at a time.
pub(crate) type Frames = Pin<Box<dyn Stream<Item = std::result::Result<Bytes, Status>> + Send>>;

pub(super) struct Watch {
    shared: Arc<Shared>,
    channel: Arc<Channel>,
    /// Only while it is further back than its channel; then it knows what it needs to judge.
    membership: Option<Box<Membership>>,
    cursor: Cursor,
    interval: Duration,
    last_frame: Instant,
    /// Rings no later than the next silence is over. It is set again when it rings, not with
    /// each frame.
    alarm: Pin<Box<Sleep>>,
    drained: Pin<Box<WaitForCancellationFutureOwned>>,
    stage: Stage,
}

impl Watch {
    pub(super) fn new(
        shared: Arc<Shared>,
        channel: Arc<Channel>,
        membership: Membership,
        cursor: Cursor,
        interval: Duration,
        stage: Stage,
    ) -> Self {
        let now = Instant::now();
        Self {
            drained: Box::pin(shared.drain.clone().cancelled_owned()),
            alarm: Box::pin(sleep_until(now + interval)),
            shared,
            channel,
            membership: Some(Box::new(membership)),
            cursor,
            interval,
            last_frame: now,
            stage,
        }
    }

    /// The frames until the first error.
    pub(super) fn into_frames(self) -> Frames {
        let frames = futures::stream::unfold(Some(Box::new(self)), |watch| async {
            let mut watch = watch?;
            match watch.next().await {
                Ok(frames) => {
                    watch.last_frame = Instant::now();
                    Some((Ok(frames), Some(watch)))
                }
                Err(error) => Some((Err(error.into()), None)),
            }
        });
        Box::pin(frames)
    }

    async fn next(&mut self) -> Result<Bytes> {
        match &mut self.stage {
            Stage::Started(snapshot) => {
                self.stage = match snapshot.take() {
                    Some(pods) => Stage::Snapshot(pods),
                    None => Stage::CatchingUp,
                };
                Ok(encode(self.started()))
            }
            Stage::Snapshot(pods) => {
                if let Some(pod) = pods.next() {
                    let pod = Some(self.shared.face.pod(&pod, self.channel.view));
                    let told = proto::SnapshotPod { pod };
                    return Ok(encode(Frame::SnapshotPod(told)));
                }
                self.stage = Stage::CatchingUp;
                let revision = self.cursor.position();
                Ok(encode(Frame::SnapshotDone(proto::SnapshotDone {
                    revision: revision.0,
                    resume_token: self.token(revision),
                })))
            }
            Stage::CatchingUp | Stage::Live => self.change().await,
        }
    }

    /// The next changes, or progress when there is none for long.
    async fn change(&mut self) -> Result<Bytes> {
        loop {
            if self.shared.drain.is_cancelled() {
                return Err(ApiError::Draining);
            }
            if matches!(self.stage, Stage::CatchingUp) && self.cursor.caught_up() {
                self.stage = Stage::Live;
                return Ok(self.progress());
            }
            match self.channel.next(&self.shared, self.cursor.position()) {
                Next::Frames(last, frames) => {
                    self.membership = None;
                    self.cursor.skip_to(last);
                    return Ok(frames);
                }
                Next::Nothing(newest) => {
                    self.membership = None;
                    self.cursor.skip_to(newest);
                    if self.cursor.caught_up() && self.is_silent().await? {
                        return Ok(self.progress());
                    }
                }
                Next::Behind => {
                    if let Some(frame) = self.read_journal().await? {
                        return Ok(frame);
                    }
                }
            }
        }
    }

    /// Waits for something new; true if there was nothing for long.
    async fn is_silent(&mut self) -> Result<bool> {
        if matches!(self.stage, Stage::CatchingUp) {
            return Ok(false);
        }
        tokio::select! {
            biased;
            () = &mut self.drained => Err(ApiError::Draining),
            more = self.cursor.more() => match more {
                Ok(()) => Ok(false),
                Err(end) => Err(ApiError::of_watch(end, self.cursor.position())),
            },
            () = &mut self.alarm => {
                let due = self.last_frame + self.interval;
                let silent = Instant::now() >= due;
                let next = if silent { Instant::now() + self.interval } else { due };
                self.alarm.as_mut().reset(next);
                Ok(silent)
            }
        }
    }

    /// One record from the journal; none if it means nothing to this watch.
    async fn read_journal(&mut self) -> Result<Option<Bytes>> {
        let next = self.cursor.next().await;
        let record = next.map_err(|end| ApiError::of_watch(end, self.cursor.position()))?;
        if !record.is_visible() {
            return Ok(None);
        }
        let Channel {
            selector,
            filter,
            view,
            ..
        } = &*self.channel;
        let membership = self
            .membership
            .get_or_insert_with(|| Box::new(Membership::unknown(Arc::clone(selector))));
        let kind = membership.judge(&self.shared, &record).await?;
        Ok(kind.map(|kind| self.shared.frames.change(&record, kind, *view, *filter)))
    }

    fn token(&self, revision: Revision) -> String {
        self.shared.tokens.resume(revision, self.channel.filter)
    }

    fn started(&self) -> Frame {
        Frame::Started(proto::WatchStarted {
            epoch: self.shared.engine.epoch().to_owned(),
            revision: self.cursor.position().0,
            oldest_revision: self.shared.oldest_revision().0,
            selector: Some(self.channel.selector.to_proto()),
            view: self.channel.view.into(),
            progress_interval: Some(time::duration(self.interval)),
        })
    }

    fn progress(&self) -> Bytes {
        let revision = self.cursor.position();
        encode(Frame::Progress(proto::WatchProgress {
            revision: revision.0,
            resume_token: self.token(revision),
        }))
    }
}
