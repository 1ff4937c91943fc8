//! Events as rows of a table.

use lifepod_client::{Word, proto};
use prost_types::Timestamp;

use crate::{
    describe::{last_seen, sorted_events},
    render::{Clock, tabs::Tabs},
};

/// A table of events, the latest last.
#[must_use]
pub fn table(events: &[proto::Event], namespace: bool, headings: bool, clock: &Clock) -> String {
    let mut text = String::new();
    if headings {
        let namespace = if namespace { "NAMESPACE\t" } else { "" };
        text.push_str(&format!(
            "{namespace}LAST SEEN\tTYPE\tREASON\tOBJECT\tMESSAGE\n"
        ));
    }
    for event in sorted_events(events, last_time) {
        let pod = event.pod.clone().unwrap_or_default();
        let namespace = if namespace {
            format!("{}\t", pod.namespace)
        } else {
            String::new()
        };
        let (kind, reason) = (event.r#type().word(), &event.reason);
        let (age, message) = (last_seen(event, clock), event.message.trim());
        let name = pod.name;
        text.push_str(&format!(
            "{namespace}{age}\t{kind}\t{reason}\tPod/{name}\t{message}\n"
        ));
    }
    Tabs::table().layout(&text)
}

fn last_time(event: &proto::Event) -> Option<Timestamp> {
    let of_series = event
        .series
        .as_ref()
        .and_then(|series| series.last_observed_time);
    of_series.or(event.last_timestamp).or(event.event_time)
}
