//! Events of a pod.

use lifepod_client::{Word, proto, time};
use prost_types::Timestamp;

use super::writer::Writer;
use crate::render::Clock;

pub(super) fn describe(events: &[proto::Event], clock: &Clock, out: &mut Writer) {
    if events.is_empty() {
        out.field(0, "Events", "<none>");
        return;
    }
    out.line(0, "Events:\n  Type\tReason\tAge\tFrom\tMessage");
    out.line(1, "----\t------\t----\t----\t-------");
    for event in sorted(events, |event| event.last_timestamp) {
        let source = if event.source_component.is_empty() {
            &event.reporting_component
        } else {
            &event.source_component
        };
        let message = event.message.trim();
        let place = if event.field_path.is_empty() {
            String::new()
        } else {
            format!("{}: ", event.field_path)
        };
        let (kind, reason) = (event.r#type().word(), &event.reason);
        let age = last_seen(event, clock);
        out.line(
            1,
            format!("{kind}\t{reason}\t{age}\t{source}\t{place}{message}"),
        );
    }
}

/// Events by a time, those without one first; equal ones stay as they were.
#[must_use]
pub fn sorted(
    events: &[proto::Event],
    by: impl Fn(&proto::Event) -> Option<Timestamp>,
) -> Vec<&proto::Event> {
    let mut sorted: Vec<_> = events.iter().collect();
    sorted.sort_by_key(|event| by(event).as_ref().and_then(time::to_instant));
    sorted
}

/// When an event was last seen, and how often: `2m9s (x3 over 10m)`.
#[must_use]
pub fn last_seen(event: &proto::Event, clock: &Clock) -> String {
    let first = clock.since(event.event_time.as_ref().or(event.first_timestamp.as_ref()));
    if let Some(series) = &event.series {
        let last = clock.since(series.last_observed_time.as_ref());
        format!("{last} (x{} over {first})", series.count)
    } else if event.count > 1 {
        let last = clock.since(event.last_timestamp.as_ref());
        format!("{last} (x{} over {first})", event.count)
    } else {
        first
    }
}
