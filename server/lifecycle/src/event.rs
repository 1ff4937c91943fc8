//! Kubernetes events of a pod (`kubectl describe`), bounded and counted per pod.
//!
//! Reference: kubelet `pkg/kubelet/events/event.go`; series handling in client-go
//! `tools/record/events_cache.go`.

use serde::{Deserialize, Serialize};

use crate::{time::Timestamp, transition::Label};

/// Events kept per pod; the oldest goes first.
pub const MAX_EVENTS: usize = 48;

/// Whether an event is news or trouble.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventKind {
    /// Expected.
    #[default]
    Normal,
    /// Someone may want to act.
    Warning,
}

/// One event, repeated `count` times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Normal or Warning.
    pub kind: EventKind,
    /// CamelCase reason, for example `Pulled`.
    pub reason: Label,
    /// Text for people.
    pub message: String,
    /// `spec.containers{name}`, or empty for the pod.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub field_path: String,
    /// Times it was seen.
    pub count: u32,
    /// First time.
    pub first: Timestamp,
    /// Last time.
    pub last: Timestamp,
}

impl Event {
    fn same_series(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.reason == other.reason
            && self.message == other.message
            && self.field_path == other.field_path
    }
}

/// The events of one pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Events(Vec<Event>);

impl Events {
    /// Adds an event, or counts it up when it repeats an earlier one.
    pub fn push(&mut self, event: Event) {
        if let Some(known) = self.0.iter_mut().find(|known| known.same_series(&event)) {
            known.count += event.count;
            known.last = event.last;
            return;
        }
        if self.0.len() == MAX_EVENTS {
            self.0.remove(0);
        }
        self.0.push(event);
    }

    /// All events, oldest series first.
    #[must_use]
    pub fn as_slice(&self) -> &[Event] {
        &self.0
    }
}
