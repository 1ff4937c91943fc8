//! Everything about one pod, for people to read.

mod container;
mod environment;
mod events;
mod labels;
mod pod;
mod probe;
mod volume;
mod writer;

use lifepod_client::proto;

use crate::render::{Clock, tabs::Tabs};
use writer::Writer;

pub use events::{last_seen, sorted as sorted_events};

/// Describes a pod, with its events when they are given.
#[must_use]
pub fn describe(pod: &proto::Pod, events: Option<&[proto::Event]>, clock: &Clock) -> String {
    let mut writer = Writer::default();
    pod::describe(pod, clock, &mut writer);
    if let Some(events) = events {
        events::describe(events, clock, &mut writer);
    }
    Tabs::description().layout(&writer.finish())
}
