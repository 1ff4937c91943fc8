//! The control socket and its connections.

mod connection;
mod listener;

pub(crate) use connection::{Connection, Incoming};
pub(crate) use listener::Listener;

/// Whom to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReplyTo {
    pub(crate) connection: u32,
    pub(crate) request: u64,
}
