//! Container output and input: CRI log files, attached clients, stdin.

mod attached;
mod cri;
mod log;
mod output;
mod stdin;

pub(crate) use attached::AttachedOutput;
pub(crate) use cri::{Stream, stamp};
pub(crate) use log::LogFile;
pub(crate) use output::{Outputs, Pumped};
pub(crate) use stdin::{Left, Stdin};
