//! Lifepod's gRPC services: convert, authorize, submit, convert back.
//!
//! ```text
//! tonic ─► edge (limits, span, one ErrorInfo per failure) ─► service ─► EngineHandle | ports
//!                                                               │
//!                       drain() ── ends every stream ◄──────────┘
//! ```
//! Handlers hold no state of their own: what must finish lives in the engine or in a task that
//! [`Api::shutdown`] waits for. Every response stream is made on demand by its reader; a slow
//! client costs its own position and nothing else.

mod calls;
mod config;
mod convert;
mod edge;
mod error;
mod exec;
mod hash;
mod health;
mod identity;
mod image;
mod logs;
mod pod;
mod request_key;
mod selector;
mod serve;
mod served;
mod shared;
mod system;
mod token;

pub use config::{About, ApiConfig, Limits, Stepping};
pub use serve::{Api, Router};
