//! One client at a session: the frames it gets, made one at a time.

use std::sync::Arc;

use futures::Stream;
use lifepod_proto::v1::{self as proto, OutputStream};
use parking_lot::Mutex;
use proto::exec_response::Frame;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{
    pump::CHUNK,
    session::{Outcome, Session},
};
use crate::{
    convert::transition::exit,
    error::{ApiError, Result},
};

/// What the two directions of one client's stream share.
pub(super) struct Link {
    /// Cancelled when the client takes no more frames.
    pub gone: CancellationToken,
    /// Why the stream must end: the client broke the rules.
    fault: Mutex<Option<ApiError>>,
}

impl Link {
    pub(super) fn fail(&self, session: &Session, error: ApiError) {
        *self.fault.lock() = Some(error);
        session.wake();
    }
}

/// A client; dropping it detaches.
pub(super) struct Attachment {
    session: Arc<Session>,
    client: u64,
    link: Arc<Link>,
    changes: watch::Receiver<()>,
    drain: CancellationToken,
    wanted: [bool; 2],
    /// The stream whose turn it is, so that neither starves the other.
    turn: usize,
    stage: Stage,
}

enum Stage {
    Started,
    Output,
}

impl Drop for Attachment {
    fn drop(&mut self) {
        self.link.gone.cancel();
        self.session.detach(self.client);
    }
}

impl Attachment {
    pub(super) fn new(
        session: Arc<Session>,
        from: [Option<u64>; 2],
        wanted: [bool; 2],
        drain: CancellationToken,
    ) -> Self {
        let changes = session.changes();
        Self {
            client: session.attach(from),
            link: Arc::new(Link {
                gone: CancellationToken::new(),
                fault: Mutex::default(),
            }),
            session,
            changes,
            drain,
            wanted,
            turn: 0,
            stage: Stage::Started,
        }
    }

    pub(super) fn link(&self) -> Arc<Link> {
        Arc::clone(&self.link)
    }

    pub(super) fn into_stream(
        self,
    ) -> impl Stream<Item = std::result::Result<proto::ExecResponse, Status>> + Send {
        futures::stream::unfold(Some(self), |attachment| async {
            let mut attachment = attachment?;
            match attachment.next().await {
                Ok(frame) => {
                    let last = matches!(frame, Frame::Exited(_));
                    let response = proto::ExecResponse { frame: Some(frame) };
                    Some((Ok(response), (!last).then_some(attachment)))
                }
                Err(error) => Some((Err(error.into()), None)),
            }
        })
    }

    async fn next(&mut self) -> Result<Frame> {
        if matches!(self.stage, Stage::Started) {
            self.stage = Stage::Output;
            return Ok(Frame::Started(proto::ExecStarted {
                exec_id: self.session.id.clone(),
                container: self.session.container.clone(),
                tty: self.session.tty,
            }));
        }
        loop {
            if let Some(error) = self.link.fault.lock().take() {
                return Err(error);
            }
            // In this order: the outcome is told only when all output was on the tapes.
            let outcome = self.session.outcome();
            if let Some(output) = self.output() {
                return Ok(Frame::Output(output));
            }
            match outcome {
                Some(Outcome::Exited {
                    status,
                    reason,
                    message,
                }) => {
                    return Ok(Frame::Exited(proto::ExecExited {
                        exit: Some(exit(&status)),
                        reason: reason.to_owned(),
                        message,
                    }));
                }
                Some(Outcome::Lost { detail }) => {
                    return Err(ApiError::RuntimeUnavailable { detail });
                }
                None => self.wait().await?,
            }
        }
    }

    async fn wait(&mut self) -> Result<()> {
        tokio::select! {
            biased;
            changed = self.changes.changed() => changed.map_err(|_| ApiError::Draining),
            () = self.drain.cancelled() => Err(ApiError::Draining),
        }
    }

    fn output(&mut self) -> Option<proto::ExecOutput> {
        for stream in [self.turn, 1 - self.turn] {
            if !self.wanted[stream] {
                self.session.skip(self.client, stream);
                continue;
            }
            if let Some((offset, data)) = self.session.read(self.client, stream, CHUNK) {
                self.turn = 1 - stream;
                let name = [OutputStream::Stdout, OutputStream::Stderr][stream];
                return Some(proto::ExecOutput {
                    stream: name.into(),
                    offset: i64::try_from(offset).unwrap_or(i64::MAX),
                    data,
                });
            }
        }
        None
    }
}
