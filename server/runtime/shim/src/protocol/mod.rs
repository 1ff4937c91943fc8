//! The wire protocol between server and shim.
//!
//! One unix stream socket, [frames](crate::frame) both ways. The client sends [`Request`]s, the shim
//! answers each exactly once with a [`Response`] in any order, and pushes [`Event`]s to every
//! connection that has said [`Call::Hello`]. The answer to `Hello` is the whole state; everything that
//! happens after it comes as an event on that same connection, so nothing is missed in between.
//! An exec's `started` answer always precedes its exit event, a container's `started` its exit event.
//!
//! Descriptors travel with the first byte of the frame they belong to (`SCM_RIGHTS`).

mod call;
mod error;
mod state;

use serde::{Deserialize, Serialize};

pub use call::{Attach, Call, CreateContainer, Exec, ProcessUser, TerminalSize};
pub use error::{ErrorCode, Failure};
pub use state::{
    ContainerState, ContainerStatus, ExecExit, ExecState, Namespaces, Ready, Started, State,
};

/// Version spoken; the shim refuses a `Hello` with another one.
pub const PROTOCOL_VERSION: u32 = 1;

/// What a client sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Chosen by the client, repeated in the answer.
    pub id: u64,
    /// What is asked.
    pub call: Call,
}

/// What the shim sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// The answer to one request.
    Response(Response),
    /// Something happened.
    Event(Event),
}

/// The answer to one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// The request's id.
    pub id: u64,
    /// What came of it.
    pub result: Result<Reply, Failure>,
}

/// A successful answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// It is so.
    Done,
    /// To `Hello` and `State`.
    State(State),
    /// To `Create` and `Exec`: the program was executed. For an exec with a terminal the frame
    /// carries one descriptor, the terminal's master side.
    Started(Started),
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A container's init ended, its output is drained and the record is on disk.
    ContainerExited(crate::ExitRecord),
    /// An exec ended.
    ExecExited(ExecExit),
}
