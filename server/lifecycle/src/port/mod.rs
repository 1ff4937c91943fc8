//! The traits that drivers and stores implement.
//!
//! No async runtime is named here: futures are boxed `std` futures, byte streams are file
//! descriptors.

mod images;
mod journal;
mod runtime;
mod streams;

use std::{future::Future, pin::Pin};

pub use images::{Credentials, ImageError, ImageRecord, Images, ProgressSink, PullProgress};
pub use journal::{Journal, JournalReader, Loaded, Page, Record, RequestRecord, StoreError};
pub use runtime::{FactSink, KnownPod, Runtime, RuntimeInfo, RuntimeLost};
pub use streams::{ExecControl, ExecRequest, ExecSession, StreamError, Streams, TerminalSize};

/// A boxed future.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
