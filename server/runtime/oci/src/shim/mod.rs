//! The server's side of a shim: starts one, finds one again, asks it, hears from it.
//!
//! ```text
//! ShimHandle ──requests──► session task ◄──► socket ◄──► shim
//!     ▲────────answers────────┤
//! ShimEvents ◄──exits─────────┘   ends with `Lost` when the shim is gone
//! ```
//! One connection at a time. Its first answer carries everything the shim knows; whatever happens
//! later comes as an event. A connection that breaks is made again and the difference is told, so no
//! exit is missed. Take the events in a task of their own: while they are not taken, answers wait too.

mod connection;
mod exec;
mod handle;
mod leftovers;
mod session;
mod spawn;
mod waiters;

use std::io;

use lifepod_shim::{ExitRecord, protocol::Failure};
use thiserror::Error;
use tokio::sync::mpsc;

pub use exec::{ExecControlHandle, ExecHandle, ExecStdio};
pub use handle::ShimHandle;
pub use leftovers::kill_leftovers;

/// Why a shim could not be asked.
#[derive(Debug, Error)]
pub enum ShimError {
    /// It refused; the failure says why.
    #[error(transparent)]
    Refused(#[from] Failure),
    /// It is gone, or the connection broke before the answer came.
    #[error("the pod's shim is gone")]
    Gone,
    /// It could not be started.
    #[error("{message}")]
    Start {
        /// Its own words.
        message: String,
    },
    /// It did not answer in time.
    #[error("the pod's shim did not answer in time")]
    TimedOut,
    /// It answered something else than was asked.
    #[error("the pod's shim answered out of turn")]
    Protocol,
    /// The system failed.
    #[error("cannot reach the pod's shim: {0}")]
    Io(#[from] io::Error),
}

impl ShimError {
    /// Whether this proves that no shim is there, rather than that one cannot be reached now.
    #[must_use]
    pub fn nobody_there(&self) -> bool {
        matches!(self, Self::Io(error) if matches!(
            error.kind(),
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
        ))
    }
}

/// What a shim tells by itself.
#[derive(Debug)]
pub enum ShimEvent {
    /// A container ended; its record is being written to disk.
    ContainerExited(ExitRecord),
    /// The shim is gone. Its containers may live on: [`kill_leftovers`] ends them, the records of those
    /// that had ended are on disk ([`ExitRecord::load_all`]).
    Lost,
}

/// The events of one connection, in order.
#[derive(Debug)]
pub struct ShimEvents(mpsc::Receiver<ExitRecord>);

impl ShimEvents {
    /// The next event. After [`ShimEvent::Lost`] there is no other.
    pub async fn next(&mut self) -> ShimEvent {
        self.0
            .recv()
            .await
            .map_or(ShimEvent::Lost, ShimEvent::ContainerExited)
    }
}
