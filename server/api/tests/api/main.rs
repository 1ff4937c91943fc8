//! The services through real gRPC in memory, over a real engine.

mod create;
mod exec;
mod history;
mod images;
mod lists;
mod logs;
mod mutate;
mod rpcs;
mod shutdown;
mod support;
mod wait;
mod watch;
