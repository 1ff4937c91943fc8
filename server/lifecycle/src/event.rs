//! Kubernetes events of a pod (`kubectl describe`), bounded and counted per pod.
//!
//! Reference: kubelet `pkg/kubelet/events/event.go`; series handling in client-go
//! `tools/record/events_cache.go`.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{time::Timestamp, transition::Label};

/// Events kept per pod; the oldest goes first.
pub const MAX_EVENTS: usize = 48;

/// Different messages for one reason that are kept apart.
const MAX_SIMILAR: usize = 10;
/// How long they count.
const SIMILAR_SPAN: Duration = Duration::from_secs(600);
const COMBINED: &str = "(combined from similar events): ";

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
    fn same_reason(&self, other: &Self) -> bool {
        self.kind == other.kind && self.reason == other.reason
    }

    /// Whether it stands for many that `other` is one more of.
    fn combines(&self, other: &Self) -> bool {
        self.same_reason(other)
            && self.field_path == other.field_path
            && self.message.starts_with(COMBINED)
    }

    fn same_series(&self, other: &Self) -> bool {
        self.same_reason(other)
            && self.message == other.message
            && self.field_path == other.field_path
    }
}

/// The events of one pod. Shared between copies of the pod, of which every step makes some, until
/// one of them gets another event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Events(Arc<Vec<Event>>);

impl Events {
    /// Adds an event, or counts it up when it repeats an earlier one. Of many different messages for
    /// one reason in a short time the last stands for all that follow.
    pub fn push(&mut self, mut event: Event) {
        let similar = self.similar(&event);
        let list = Arc::make_mut(&mut self.0);
        let repeats = list.iter().any(|known| known.same_series(&event));
        if !repeats && similar >= MAX_SIMILAR {
            event.message.insert_str(0, COMBINED);
            if let Some(known) = list.iter_mut().find(|known| known.combines(&event)) {
                known.count += event.count;
                known.last = event.last;
                known.message = event.message;
                return;
            }
        }
        if let Some(known) = list.iter_mut().find(|known| known.same_series(&event)) {
            known.count += event.count;
            known.last = event.last;
            return;
        }
        if list.len() == MAX_EVENTS {
            list.remove(0);
        }
        list.push(event);
    }

    /// Different messages of late for the reason of `event`.
    fn similar(&self, event: &Event) -> usize {
        let recent = |known: &&Event| event.last.since(known.last) <= SIMILAR_SPAN;
        let same = self.0.iter().filter(|known| known.same_reason(event));
        same.filter(recent).count()
    }

    /// All events, oldest series first.
    #[must_use]
    pub fn as_slice(&self) -> &[Event] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(message: &str, at: i64) -> Event {
        let (first, last) = (Timestamp::from_secs(at), Timestamp::from_secs(at));
        Event {
            kind: EventKind::Warning,
            reason: "Unhealthy".into(),
            message: message.into(),
            field_path: String::new(),
            count: 1,
            first,
            last,
        }
    }

    #[test]
    fn an_event_that_repeats_is_counted() {
        let mut events = Events::default();
        events.push(event("a", 1));
        events.push(event("b", 2));
        events.push(event("a", 3));
        let a = &events.as_slice()[0];
        assert_eq!((a.count, a.first.as_secs(), a.last.as_secs()), (2, 1, 3));
        assert_eq!(events.as_slice().len(), 2);
    }

    #[test]
    fn many_similar_events_become_one() {
        let mut events = Events::default();
        for number in 0..15 {
            events.push(event(&number.to_string(), number));
        }
        assert_eq!(events.as_slice().len(), 11);
        let last = &events.as_slice()[10];
        let text = "(combined from similar events): 14";
        assert_eq!((last.message.as_str(), last.count), (text, 5));
        events.push(event("later", 2000));
        assert_eq!(
            events.as_slice().len(),
            12,
            "after a pause each has its own line"
        );
    }

    #[test]
    fn the_oldest_events_give_way() {
        let mut events = Events::default();
        for number in 0..i64::try_from(MAX_EVENTS).unwrap() + 2 {
            events.push(event(&number.to_string(), number * 1000));
        }
        assert_eq!(events.as_slice().len(), MAX_EVENTS);
        assert_eq!(events.as_slice()[0].message, "2");
    }
}
