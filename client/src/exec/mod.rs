//! Running commands in containers.

mod options;
mod session;

pub use options::{AttachOptions, ExecOptions, TerminalSize};
pub use session::{Exec, ExecEvent, ExecInput, Exit, Finished, Output};
