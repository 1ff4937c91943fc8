//! What runs in forked children of the shim: making containers with libcontainer, and joining running
//! ones.
//!
//! Nothing here returns into the shim's loop. A child tells what it did through its [`report`] socket
//! and ends by exec or exit. The socket is close-on-exec in every process that holds it, so its end of
//! file means: everybody has either executed the program or ended.

mod bundle;
mod create;
mod exec;
mod executor;
mod hide;
mod lookup;
mod privileges;
mod report;
mod spec;
mod stdio;
mod terminal;

pub(crate) use bundle::{Bundle, Profile};
pub(crate) use create::{CreatePlan, create};
pub(crate) use exec::{ExecPlan, Streams, exec};
pub(crate) use report::{Received, Report, Reporter, receive, report_channel};
pub(crate) use stdio::{ProgramStdio, null};
pub(crate) use terminal::set_size;

use std::panic::{AssertUnwindSafe, catch_unwind};

use lifepod_shim::protocol::{ErrorCode, Failure};

use crate::sys::exit_now;

/// Runs a child's work and ends the process, whatever happens.
pub(crate) fn run_child(reporter: &Reporter, work: impl FnOnce() -> Result<(), Failure>) -> ! {
    let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        let text = "the shim's child panicked; see its log";
        Err(Failure::new(ErrorCode::Io, text))
    });
    if let Err(failure) = &result {
        reporter.failed(failure);
    }
    exit_now(i32::from(result.is_err()))
}
