//! System calls that have no safe interface elsewhere. All `unsafe` of the shim is in here and in
//! `limits::bpf`.

#![expect(
    unsafe_code,
    reason = "raw system calls; each block says why it is sound"
)]

mod files;
mod network;
mod process;
mod signals;

pub(crate) use files::{close_all_except, own_pipe, set_nonblocking};
pub(crate) use network::bring_loopback_up;
pub(crate) use process::{Fork, execute, exit_now, fork};
pub(crate) use signals::{SignalQueue, reset_for_exec, send_to_group, send_to_process};
