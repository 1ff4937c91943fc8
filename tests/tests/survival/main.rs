//! What outlives what: pods their server, watches a restart, the system its parts.

mod crash;
mod deletion;
mod moments;
mod shims;
mod stop;
