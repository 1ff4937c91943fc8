//! Settings of the engine.

use std::{sync::Arc, time::Duration};

use lifepod_lifecycle::Settings;

/// Where the engine's loop runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// On a thread of its own, so that a slow commit delays nothing else.
    #[default]
    Thread,
    /// As a task of the caller's runtime, whose time it then shares: in virtual time, nothing may
    /// work where the clock cannot see it. Commits block that runtime.
    Task,
}

/// Bounds and names. Every queue of the engine is bounded by one of these.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Name of this node, as pods and events show it.
    pub node: Arc<str>,
    /// Where the loop runs.
    pub placement: Placement,
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
    /// Settings of the rules.
    pub rules: Settings,
    /// How long a stop waits for operations in flight.
    pub drain: Duration,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            node: "localhost".into(),
            placement: Placement::default(),
            command_lane: 1024,
            fact_lane: 4096,
            turn_limit: 512,
            request_window: Duration::from_secs(600),
            request_limit: 10_000,
            tail: 1024,
            store_retry: Duration::from_millis(200),
            rules: Settings::default(),
            drain: Duration::from_secs(1),
        }
    }
}
