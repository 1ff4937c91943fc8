//! The tables: every message that has a Kubernetes form.

mod container;
mod environment;
mod handler;
mod meta;
mod pod;
mod security;
mod status;
mod volume;
pub(crate) mod words;

pub(super) use meta::Typed;
