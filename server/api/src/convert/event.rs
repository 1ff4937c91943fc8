//! Kubernetes events of a pod.

use lifepod_lifecycle::{
    Pod,
    event::{Event, EventKind},
};
use lifepod_proto::v1 as proto;

use super::{meta::reference, time};

const SOURCE: &str = "lifepodd";

/// Every event of a pod.
pub(crate) fn all(pod: &Pod) -> Vec<proto::Event> {
    let events = pod.events();
    let numbered = events.iter().enumerate();
    numbered
        .map(|(index, event)| {
            // Two series may begin at one moment; a count keeps their names apart.
            let twins = events[..index].iter().filter(|e| e.first == event.first);
            one(pod, twins.count(), event)
        })
        .collect()
}

fn one(pod: &Pod, twin: usize, event: &Event) -> proto::Event {
    let number = event
        .first
        .0
        .saturating_add(i64::try_from(twin).unwrap_or(0));
    proto::Event {
        pod: Some(reference(pod)),
        r#type: kind(event.kind).into(),
        reason: event.reason.to_string(),
        message: event.message.clone(),
        field_path: event.field_path.clone(),
        count: i32::try_from(event.count).unwrap_or(i32::MAX),
        first_timestamp: Some(time::seconds(event.first)),
        last_timestamp: Some(time::seconds(event.last)),
        source_component: SOURCE.to_owned(),
        source_host: pod.meta.node.to_string(),
        name: format!("{}.{number:x}", pod.meta.key.name),
        ..proto::Event::default()
    }
}

pub(crate) const fn kind(kind: EventKind) -> proto::EventType {
    match kind {
        EventKind::Normal => proto::EventType::Normal,
        EventKind::Warning => proto::EventType::Warning,
    }
}
