//! Settings of the engine.

use std::{sync::Arc, time::Duration};

/// Bounds and names. Every queue of the engine is bounded by one of these.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Name of this node, as pods and events show it.
    pub node: Arc<str>,
    /// Commands that may wait; one more is refused with `Overloaded`.
    pub command_lane: usize,
    /// Facts that may wait; the runtime waits when it is full.
    pub fact_lane: usize,
    /// Most inputs of one turn from each lane.
    pub turn_limit: usize,
    /// How long a repeated request gets the first answer.
    pub request_window: Duration,
    /// Most requests remembered.
    pub request_limit: usize,
    /// Revisions kept in memory for watchers; older ones are read from the store.
    pub tail: usize,
    /// How long a failed commit waits before it is tried again.
    pub store_retry: Duration,
    /// How long a stop waits for operations in flight.
    pub drain: Duration,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            node: "localhost".into(),
            command_lane: 1024,
            fact_lane: 4096,
            turn_limit: 512,
            request_window: Duration::from_secs(600),
            request_limit: 10_000,
            tail: 1024,
            store_retry: Duration::from_millis(200),
            drain: Duration::from_secs(1),
        }
    }
}
