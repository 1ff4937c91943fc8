//! A watch that resumes by itself.
//!
//! ```text
//!            connect                frames
//!   Idle ───────────────► Streaming ──────► events to the caller
//!    ▲                        │
//!    └── pause, from token ◄──┤ connection lost, UNAVAILABLE, end of stream
//!    └── snapshot, Reset  ◄───┘ REVISION_EXPIRED, EPOCH_CHANGED
//! ```
//!
//! There is no task behind it: whoever polls [`Watch::next`] drives it, and dropping it ends it.

use std::{collections::VecDeque, time::Duration};

use futures::Stream;
use lifepod_proto::{
    reasons,
    v1::{self as proto, watch_pods_request::Start, watch_pods_response::Frame},
};
use tonic::{Request, Streaming};

use super::{Pods, Selector};
use crate::{
    Error, Result,
    error::{Again, decode},
};

/// Where a watch begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum WatchStart {
    /// With the pods that exist, then everything after.
    #[default]
    Snapshot,
    /// With the next change.
    Now,
    /// Right after the position of a token.
    Token(String),
}

/// What a watch carries, and where it begins. The default is a snapshot of all pods in full.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WatchOptions {
    /// Which pods.
    pub selector: Selector,
    /// Where to begin.
    pub start: WatchStart,
    /// How much of each pod is carried.
    pub view: proto::PodView,
    /// Longest silence before a progress event; the server's choice when `None`.
    pub progress_interval: Option<Duration>,
    /// End with the error, instead of starting over from a snapshot, when the position is not kept any more.
    pub fail_when_expired: bool,
}

/// What a watch tells.
#[derive(Clone, Debug, PartialEq)]
pub enum WatchEvent {
    /// The view begins anew: drop everything known so far. The pods that exist follow as [`WatchEvent::Snapshot`],
    /// ended by [`WatchEvent::SnapshotDone`]; swap the view there.
    Reset(ResetReason),
    /// A pod of the snapshot.
    Snapshot(Box<proto::Pod>),
    /// The snapshot is complete.
    SnapshotDone {
        /// Revision it shows.
        revision: u64,
    },
    /// One revision: the transitions of one step of one pod, and the pod after it.
    Change(Box<proto::PodChange>),
    /// Nothing at or below this revision is still to come.
    Progress {
        /// The revision.
        revision: u64,
    },
}

/// Why a view begins anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetReason {
    /// The watch began with a snapshot.
    Started,
    /// The last position is not kept any more: changes were missed.
    Expired,
    /// Another, or an emptied, store is served now.
    EpochChanged,
}

/// A watch. Ask it with [`Watch::next`], or turn it into a [`Stream`] with [`Watch::into_stream`].
#[derive(Debug)]
pub struct Watch {
    pods: Pods,
    request: proto::WatchPodsRequest,
    fail_when_expired: bool,
    /// Reason to tell with the next snapshot.
    reset: ResetReason,
    stream: Option<Streaming<proto::WatchPodsResponse>>,
    pending: VecDeque<WatchEvent>,
    failures: u32,
    resume_token: String,
    /// Streams that were opened from a position that this watch had reached.
    resumes: u64,
    /// Whether the server has ever answered.
    established: bool,
    ended: bool,
}

impl Pods {
    /// Watches pods. Connects with the first [`Watch::next`].
    #[must_use]
    pub fn watch(&self, options: WatchOptions) -> Watch {
        let start = match options.start {
            WatchStart::Snapshot => Start::Snapshot(proto::SnapshotStart {}),
            WatchStart::Now => Start::Now(proto::NowStart {}),
            WatchStart::Token(token) => Start::ResumeToken(token),
        };
        let interval = options.progress_interval;
        Watch {
            request: proto::WatchPodsRequest {
                selector: Some(self.scoped(&options.selector)),
                view: options.view.into(),
                progress_interval: interval.and_then(|interval| interval.try_into().ok()),
                start: Some(start),
            },
            pods: self.clone(),
            fail_when_expired: options.fail_when_expired,
            reset: ResetReason::Started,
            stream: None,
            pending: VecDeque::new(),
            failures: 0,
            resume_token: String::new(),
            resumes: 0,
            established: false,
            ended: false,
        }
    }
}

impl Watch {
    /// Position right after the last change or progress told: store it to go on later with [`WatchStart::Token`]. Empty
    /// before the first.
    #[must_use]
    pub fn resume_token(&self) -> &str {
        &self.resume_token
    }

    /// How often the watch has gone on, on another stream, from where it was.
    #[must_use]
    pub fn resumes(&self) -> u64 {
        self.resumes
    }

    /// The next event. A lost connection is made again, for as long as it takes once the watch has been established;
    /// `None` only after an error. Dropping the future loses nothing.
    ///
    /// # Errors
    /// What starting over cannot heal, for example `SELECTOR_INVALID`; [`Error::Unreachable`] only when the server never
    /// answered. The watch is over then.
    pub async fn next(&mut self) -> Option<Result<WatchEvent>> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Some(Ok(event));
            }
            if self.ended {
                return None;
            }
            match self.frame().await {
                Ok(frame) => self.accept(frame),
                Err(error) => {
                    if let Err(error) = self.recover(error).await {
                        self.ended = true;
                        return Some(Err(error));
                    }
                }
            }
        }
    }

    /// As a stream of events.
    pub fn into_stream(self) -> impl Stream<Item = Result<WatchEvent>> {
        futures::stream::unfold(self, |mut watch| async move {
            let event = watch.next().await?;
            Some((event, watch))
        })
    }

    async fn frame(&mut self) -> Result<Frame> {
        if self.stream.is_none() {
            self.stream = Some(self.open().await?);
        }
        let Some(stream) = &mut self.stream else {
            return Err(Error::Protocol {
                detail: "the watch has no stream",
            });
        };
        loop {
            let message = stream.message().await.map_err(|status| decode(&status))?;
            match message {
                // A frame of a kind this client does not know yet.
                Some(proto::WatchPodsResponse { frame: None }) => {}
                Some(proto::WatchPodsResponse { frame: Some(frame) }) => return Ok(frame),
                None => {
                    return Err(Error::Unreachable {
                        detail: "the stream ended".to_owned(),
                    });
                }
            }
        }
    }

    async fn open(&mut self) -> Result<Streaming<proto::WatchPodsResponse>> {
        let request = Request::new(self.request.clone());
        let response = self.pods.service().watch_pods(request).await;
        let stream = response.map_err(|status| decode(&status))?.into_inner();
        self.resumes += u64::from(!self.resume_token.is_empty());
        Ok(stream)
    }

    fn accept(&mut self, frame: Frame) {
        self.established = true;
        self.failures = 0;
        match frame {
            Frame::Started(_) => {
                if matches!(self.request.start, Some(Start::Snapshot(_))) {
                    self.pending.push_back(WatchEvent::Reset(self.reset));
                }
            }
            Frame::SnapshotPod(snapshot) => {
                let pod = snapshot.pod.unwrap_or_default();
                self.pending.push_back(WatchEvent::Snapshot(Box::new(pod)));
            }
            Frame::SnapshotDone(done) => {
                self.advance(done.resume_token);
                let revision = done.revision;
                self.pending
                    .push_back(WatchEvent::SnapshotDone { revision });
            }
            Frame::Change(change) => {
                self.advance(change.resume_token.clone());
                self.pending.push_back(WatchEvent::Change(Box::new(change)));
            }
            Frame::Progress(progress) => {
                self.advance(progress.resume_token);
                let revision = progress.revision;
                self.pending.push_back(WatchEvent::Progress { revision });
            }
        }
    }

    fn advance(&mut self, token: String) {
        self.resume_token.clone_from(&token);
        self.request.start = Some(Start::ResumeToken(token));
    }

    /// Prepares another attempt, or gives the error back when there is no point.
    async fn recover(&mut self, error: Error) -> Result<()> {
        self.stream = None;
        let reset = match error.reason() {
            reasons::REVISION_EXPIRED => Some(ResetReason::Expired),
            reasons::EPOCH_CHANGED => Some(ResetReason::EpochChanged),
            _ => None,
        };
        if let Some(reset) = reset.filter(|_| !self.fail_when_expired) {
            self.reset = reset;
            self.request.start = Some(Start::Snapshot(proto::SnapshotStart {}));
            return Ok(());
        }
        let policy = self.pods.client.retry();
        self.failures += 1;
        let again = Again::after(&error);
        let hopeless = !self.established && self.failures >= policy.max_attempts;
        if again == Again::Never || hopeless {
            return Err(error);
        }
        tokio::time::sleep(again.pause(policy, self.failures)).await;
        Ok(())
    }
}
