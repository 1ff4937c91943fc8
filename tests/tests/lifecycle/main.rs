//! Pods from creation to removal: phases, what containers get, hooks, termination, logs, commands,
//! and how the command line client shows it all.

mod display;
mod environment;
mod exec;
mod hooks;
mod logs;
mod network;
mod phases;
mod terminal;
mod termination;
