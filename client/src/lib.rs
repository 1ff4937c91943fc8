//! The Lifepod SDK: typed handles on pods, logs, commands and images of a Lifepod server.
//!
//! ```no_run
//! use lifepod_client::{Client, manifest};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::connect("unix:///run/lifepod/lifepod.sock").await?;
//! let text = std::fs::read_to_string("pod.yaml")?;
//! for pod in manifest::parse(&text)? {
//!     let created = client.pods("default").create(pod).await?;
//!     println!("created at revision {}", created.pod.metadata.unwrap_or_default().revision);
//! }
//! # Ok(()) }
//! ```
//!
//! What the SDK does on its own:
//!
//! * it connects again when the connection is lost, and retries UNAVAILABLE answers, and RESOURCE_EXHAUSTED ones after the
//!   delay they ask for, a bounded number of times and with jitter ([`RetryPolicy`]); every mutation carries a request id,
//!   so a repeated one does not act twice;
//! * a [watch](Pods::watch) resumes by itself from its last position, and says so when it had to start over;
//! * errors are decoded into one [`Error`] whose variants tell what a caller can do;
//! * a [command](Exec) whose stream broke can never be read as one that succeeded.
//!
//! Messages are those of the API itself, in [`proto`]; their comments are the reference.

mod backoff;
mod call;
#[cfg(feature = "checker")]
pub mod checker;
mod connect;
mod endpoint;
mod error;
mod exec;
mod images;
mod logs;
pub mod manifest;
mod pods;
mod system;
pub mod time;
mod word;

pub use lifepod_proto::{reasons, v1 as proto};
pub use tonic::Code;

pub use backoff::RetryPolicy;
pub use connect::{Client, ClientBuilder};
pub use endpoint::{DEFAULT_ENDPOINT, Endpoint, HOST_VARIABLE};
pub use error::{ApiError, Error, FieldViolation, ResourceRef};
pub use exec::{
    AttachOptions, Exec, ExecEvent, ExecInput, ExecOptions, Exit, Finished, Output, TerminalSize,
};
pub use images::{Images, Pull, PullEvent};
pub use logs::{LogOptions, Logs};
pub use pods::{
    Created, DeleteOptions, Deleted, PodList, Pods, ResetReason, Selector, TransitionFilter,
    Updated, Wait, WaitOutcome, Watch, WatchEvent, WatchOptions, WatchStart,
};
pub use word::Word;

/// What an SDK call answers.
pub type Result<T, E = Error> = std::result::Result<T, E>;
