//! The frames a client sends after its first.

use std::sync::Arc;

use lifepod_lifecycle::port::TerminalSize;
use lifepod_proto::v1::{self as proto, exec_request::Frame};
use tonic::Streaming;

use super::{attachment::Link, invalid, session::Session};
use crate::error::ApiError;

/// Default size of a terminal.
const DEFAULT_SIZE: TerminalSize = TerminalSize {
    width: 80,
    height: 24,
};

/// Takes frames until the client has no more or takes no more.
pub(super) async fn run(
    session: Arc<Session>,
    mut frames: Streaming<proto::ExecRequest>,
    link: Arc<Link>,
) {
    let take = async {
        loop {
            match frames.message().await {
                Ok(Some(proto::ExecRequest { frame: Some(frame) })) => {
                    if let Err(error) = apply(&session, frame).await {
                        link.fail(&session, error);
                        return;
                    }
                }
                Ok(Some(proto::ExecRequest { frame: None })) => {
                    link.fail(&session, invalid("an empty frame"));
                    return;
                }
                // The client's side is closed: no more input.
                Ok(None) => {
                    session.close_input();
                    return;
                }
                // The connection broke; the disconnect policy decides.
                Err(_) => return,
            }
        }
    };
    tokio::select! {
        biased;
        () = link.gone.cancelled() => {}
        () = take => {}
    }
}

async fn apply(session: &Session, frame: Frame) -> Result<(), ApiError> {
    match frame {
        Frame::Start(_) | Frame::Attach(_) => {
            return Err(invalid("only the first frame may be `start` or `attach`"));
        }
        Frame::Stdin(bytes) => {
            // Waits while the process does not read; that is what holds the client back.
            if let Some(input) = session.input()
                && input.send(bytes).await.is_err()
            {
                session.close_input();
            }
        }
        Frame::StdinClose(_) => session.close_input(),
        Frame::Resize(size) => {
            let size = terminal_size(Some(&size))?;
            if let Err(error) = session.control.resize(size).await {
                tracing::debug!(%error, "a terminal could not be resized");
            }
        }
        Frame::Signal(signal) => {
            if !(1..=64).contains(&signal.signal) {
                return Err(invalid("a signal is a number from 1 to 64"));
            }
            if let Err(error) = session.control.signal(signal.signal).await {
                tracing::debug!(%error, "a command could not be signalled");
            }
        }
    }
    Ok(())
}

/// # Errors
/// `FRAME_INVALID` for a size no terminal has.
pub(super) fn terminal_size(given: Option<&proto::TerminalSize>) -> Result<TerminalSize, ApiError> {
    let Some(given) = given else {
        return Ok(DEFAULT_SIZE);
    };
    let side = |length: u32| u16::try_from(length).ok().filter(|length| *length > 0);
    match (side(given.columns), side(given.rows)) {
        (Some(width), Some(height)) => Ok(TerminalSize { width, height }),
        _ => Err(invalid("a terminal has 1 to 65535 columns and rows")),
    }
}
